"""A collected market in the database, as `forecasting.collect` would have left it, without a chain."""

from __future__ import annotations

from forecasting.models import AccountState, Derivation, Position, Price, Reserve, ReserveState, Snapshot
from governance.domain import lattice
from governance.models import Block, Chain, Coverage, Deployment, Stream
from tests.forecasting import samples

BLOCK_SECONDS = 3600


def mine(taken: Snapshot) -> None:
    """Make the snapshot's block a part of the collected chain."""
    if Block.objects.filter(chain=taken.deployment.chain_id, number=taken.block_number).exists():
        return
    Block.objects.create(
        chain_id=taken.deployment.chain_id,
        number=taken.block_number,
        hash=bytes.fromhex(taken.block_hash[2:]),
        parent_hash=bytes(32),
        timestamp=taken.timestamp,
    )


def derive(taken: Snapshot, *, final: int | None = None) -> None:
    """Make everything up to a snapshot collected, derived and (None: up to its block) final."""
    deployment, number = taken.deployment, taken.block_number
    mine(taken)
    stream, _ = Stream.objects.get_or_create(deployment=deployment, addresses=[], first_block=deployment.first_block)
    stream.coverage.all().delete()
    Coverage.objects.create(
        stream=stream,
        first=deployment.first_block,
        last=number,
        first_parent="0x" + "0" * 64,
        last_hash=taken.block_hash,
        n_logs=0,
        content=lattice.EMPTY,
        provider="test",
        proof="linked",
    )
    settled = number if final is None else final
    Derivation.objects.update_or_create(
        deployment=deployment, defaults={"block_number": number, "final_block": settled}
    )


def market(*, days: int = 130, accounts: int = 12, slug: str = "lab") -> Snapshot:
    """Return a snapshot at the end of ``days`` days of hourly prices."""
    chain, _ = Chain.objects.get_or_create(chain_id=31337, defaults={"name": "local", "genesis_hash": "0x" + "0" * 64})
    deployment = Deployment.objects.create(
        chain=chain, slug=slug, name="Lab market", kind="protocol", flavour="aave_v3", first_block=0
    )
    made = samples.lab_grid(days=days)
    reserves = Reserve.objects.bulk_create(
        Reserve(
            deployment=deployment,
            index=r,
            address=f"0x{r:040X}",
            symbol=symbol,
            decimals=samples.DECIMALS[r],
            a_token=f"0x{r + 10:040X}",
            debt_token=f"0x{r + 20:040X}",
            stable_debt_token=f"0x{r + 30:040X}",
            feed=f"0x{r + 40:040X}",
        )
        for r, symbol in enumerate(samples.SYMBOLS)
    )
    Price.objects.bulk_create(
        Price(reserve=reserve, block_number=block, timestamp=int(stamp), price=int(made.prices[block, r]))
        for block, stamp in enumerate(made.timestamps)
        for r, reserve in enumerate(reserves)
    )
    return snapshot(deployment, accounts=accounts)


def snapshot(deployment: Deployment, *, accounts: int = 12) -> Snapshot:
    """Return a snapshot at the deployment's last price."""
    reserves = list(deployment.reserves.order_by("index"))
    last = Price.objects.filter(reserve=reserves[0]).order_by("block_number").last()
    assert last is not None
    taken = Snapshot.objects.create(
        deployment=deployment,
        block_number=last.block_number,
        block_hash=f"0x{last.block_number:064x}",
        timestamp=last.timestamp,
        coverage_digest="0x" + "c" * 64,
        dataset_hash=f"0x{last.block_number + 1:064x}",
    )
    prices = tuple(
        int(Price.objects.get(reserve=reserve, block_number=last.block_number).price) / 10**8 for reserve in reserves
    )
    reserve_rows = samples.reserve_rows(prices=prices)
    position_rows = samples.position_rows(accounts=accounts, seed=1, prices=prices)
    ReserveState.objects.bulk_create(
        ReserveState(
            snapshot=taken,
            reserve=reserve,
            price=row.price,
            liquidity_index=10**27,
            variable_borrow_index=10**27,
            liquidity_rate=0,
            variable_borrow_rate=0,
            ltv=row.ltv,
            liquidation_threshold=row.liquidation_threshold,
            liquidation_bonus=row.liquidation_bonus,
            supply_cap=row.supply_cap,
            borrow_cap=row.borrow_cap,
            total_supply=row.total_supply,
            total_debt=row.total_debt,
        )
        for reserve, row in zip(reserves, reserve_rows, strict=True)
    )
    Position.objects.bulk_create(
        Position(
            snapshot=taken,
            reserve=reserves[row.reserve],
            account=row.account,
            collateral=row.collateral,
            debt=row.debt,
            used_as_collateral=row.used_as_collateral,
        )
        for row in position_rows
    )
    AccountState.objects.bulk_create(
        AccountState(
            snapshot=taken,
            account=account,
            collateral_base=0,
            debt_base=0,
            ltv=0,
            liquidation_threshold=0,
            health_factor=health,
        )
        for account, health in samples.contract_health_factors(reserve_rows, position_rows).items()
    )
    derive(taken)
    return taken
