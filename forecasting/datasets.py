"""Freeze what a model is fitted to: exact rows, their hash, and how to read them again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from forecasting.core import book as books
from forecasting.core.realised import HOUR, Grid, Panel, grid, panel, require_plausible
from forecasting.history import require_derived
from forecasting.models import AccountState, Dataset, Position, Price, Reserve, ReserveState, Snapshot
from forecasting.pruning import pin
from forecasting.selectors import is_canonical
from governance.domain.canonical import canonical
from governance.env import env
from governance.errors import DataError, StaleData

HOURLY_PRICES = "hourly-prices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """A dataset with its rows.

    Attributes
    ----------
    dataset : Dataset
    reserves : tuple of Reserve
        R reserves: the order of columns.
    grid : Grid
    panel : Panel
    """

    dataset: Dataset
    reserves: tuple[Reserve, ...]
    grid: Grid
    panel: Panel

    @property
    def symbols(self) -> tuple[str, ...]:
        """The reserves' symbols."""
        return tuple(reserve.symbol for reserve in self.reserves)


def require_final(snapshot: Snapshot) -> None:
    """Check that nothing can change any more of what a snapshot stands on; pin it, for it will be cited.

    Raises
    ------
    GapInData
        When the logs or facts up to its block are not complete.
    StaleData
        When its block was reorganised away.
    DataError
        When its block is not final yet.
    """
    deployment, block = snapshot.deployment, snapshot.block_number
    cursor = require_derived(deployment, block=block)
    if not is_canonical(snapshot):
        message = (
            f"Block {block} of {deployment.name} was reorganised away since its snapshot; collect and snapshot again."
        )
        raise StaleData(message, block=block, block_hash=snapshot.block_hash)
    if block > cursor.final_block:
        raise DataError(
            f"Block {block} of {deployment.name} is not final yet (block {cursor.final_block} is), and models train on"
            " final blocks only. Take the newest final snapshot, or collect again later; see FINALITY.",
            block=block,
            final=cursor.final_block,
        )
    pin(snapshot)


def freeze(snapshot: Snapshot) -> Frozen:
    """Return the hourly prices of all reserves up to a snapshot, registered by content.

    Raises
    ------
    GapInData, ImplausibleData, StaleData, DataError
        When the prices must not be computed on; see `require_final`.
    """
    require_final(snapshot)
    reserves = tuple(snapshot.deployment.reserves.order_by("index"))
    rows = _read(reserves, block=snapshot.block_number, until=snapshot.timestamp)
    dataset, _ = Dataset.objects.get_or_create(
        hash=_hash(reserves, rows),
        defaults={
            "kind": HOURLY_PRICES,
            "first_timestamp": int(rows.timestamps[0]),
            "last_timestamp": int(rows.timestamps[-1]),
            "rows": int(rows.prices.size),
            "block_number": snapshot.block_number,
            "coverage_digest": snapshot.coverage_digest,
            "facts": {
                "deployment": snapshot.deployment_id,
                "until": snapshot.timestamp,
                "reserves": [reserve.pk for reserve in reserves],
                "symbols": [reserve.symbol for reserve in reserves],
            },
        },
    )
    return Frozen(dataset=dataset, reserves=reserves, grid=rows, panel=panel(rows))


def fresh(frozen: Frozen, snapshot: Snapshot) -> Frozen:
    """Return ``frozen`` when its prices are fresh and plausible enough to publish on.

    Raises
    ------
    StaleData
        When the newest price is more than PRICE_MAX_AGE_HOURS behind the snapshot.
    ImplausibleData
        When a recent price leapt and nothing confirms it.
    """
    age, limit = (snapshot.timestamp - frozen.grid.observed) / HOUR, env().price_max_age_hours
    if age > limit:
        raise StaleData(
            f"The newest price is {age:.1f} hours behind the snapshot; at most {limit} are allowed. Collect again.",
            age_hours=age,
        )
    require_plausible(frozen.grid, assets=frozen.symbols)
    return frozen


def load(dataset: Dataset) -> Frozen:
    """Return a frozen dataset, read again.

    Raises
    ------
    StaleData
        When the rows are no longer what they were: the chain was reorganised or collected anew.
    """
    by_pk = Reserve.objects.in_bulk(dataset.facts["reserves"])
    try:
        reserves = tuple(by_pk[pk] for pk in dataset.facts["reserves"])
        rows = _read(reserves, block=dataset.block_number, until=dataset.facts["until"])
    except (KeyError, DataError) as error:
        raise _changed(dataset) from error
    if _hash(reserves, rows) != dataset.hash:
        raise _changed(dataset)
    return Frozen(dataset=dataset, reserves=reserves, grid=rows, panel=panel(rows))


def book(snapshot: Snapshot) -> books.Book:
    """Return the book of a snapshot as floats, checked against the contract's integer health factors.

    Raises
    ------
    ImplausibleData
        When the floats do not reproduce the integers.
    """
    states = list(ReserveState.objects.filter(snapshot=snapshot).select_related("reserve").order_by("reserve__index"))
    column = {state.reserve_id: r for r, state in enumerate(states)}
    accounts = AccountState.objects.filter(snapshot=snapshot)
    result = books.build(
        reserves=[_reserve_row(state) for state in states],
        positions=[
            books.PositionRow(
                account=account,
                reserve=column[reserve],
                collateral=int(collateral),
                debt=int(debt),
                used_as_collateral=used,
            )
            for account, reserve, collateral, debt, used in Position.objects.filter(snapshot=snapshot).values_list(
                "account", "reserve_id", "collateral", "debt", "used_as_collateral"
            )
        ],
        own_threshold=dict(accounts.exclude(emode_category=0).values_list("account", "liquidation_threshold")),
    )
    books.verify(
        result,
        health_factors={account: int(value) for account, value in accounts.values_list("account", "health_factor")},
    )
    return result


def _reserve_row(state: ReserveState) -> books.ReserveRow:
    return books.ReserveRow(
        symbol=state.reserve.symbol,
        decimals=state.reserve.decimals,
        price=int(state.price),
        ltv=state.ltv,
        liquidation_threshold=state.liquidation_threshold,
        liquidation_bonus=state.liquidation_bonus,
        supply_cap=int(state.supply_cap),
        borrow_cap=int(state.borrow_cap),
        total_supply=int(state.total_supply),
        total_debt=int(state.total_debt),
    )


def _read(reserves: tuple[Reserve, ...], *, block: int, until: int) -> Grid:
    column = {reserve.pk: r for r, reserve in enumerate(reserves)}
    prices = Price.objects.filter(reserve__in=reserves, block_number__lte=block, timestamp__lte=until)
    rows = prices.order_by("timestamp", "block_number").values_list("reserve_id", "timestamp", "price")
    observations = [(column[reserve], timestamp, int(price)) for reserve, timestamp, price in rows.iterator(10_000)]
    return grid(observations, assets=[reserve.symbol for reserve in reserves], until=until)


def _hash(reserves: tuple[Reserve, ...], rows: Grid) -> str:
    digest = hashlib.sha256(canonical({"kind": HOURLY_PRICES, "addresses": [reserve.address for reserve in reserves]}))
    digest.update(rows.timestamps.astype("<i8").tobytes())
    digest.update(rows.prices.astype("<i8").tobytes())
    return f"0x{digest.hexdigest()}"


def _changed(dataset: Dataset) -> StaleData:
    return StaleData(
        f"The rows of dataset {dataset.hash[:12]} are no longer in the database as they were; train again.",
        dataset=dataset.hash,
    )
