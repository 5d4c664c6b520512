"""The sample market: deployments, a year of prices with a crash, a book, and liquidations."""

from __future__ import annotations

import math
import random

from forecasting.models import (
    AccountState,
    Liquidation,
    ParameterChange,
    Position,
    Price,
    Reserve,
    ReserveState,
    Snapshot,
)
from governance.domain.units import MAX_UINT256, RAY, WAD
from governance.models import Chain, Deployment
from tests.e2e.sample.base import DAYS, HEAD, RESERVES, START, USD, account_of, hash_of


def deployments(chain: Chain) -> tuple[Deployment, Deployment]:
    roles = ("addresses_provider", "pool", "configurator", "oracle", "data_provider", "acl_manager")
    market = Deployment.objects.create(
        chain=chain,
        slug="market",
        name="Local Aave market",
        kind="protocol",
        flavour="aave_v3",
        first_block=0,
        addresses={role: account_of(600 + i) for i, role in enumerate(roles)},
    )
    governor = Deployment.objects.create(
        chain=chain,
        slug="dao",
        name="Local DAO",
        kind="governor",
        flavour="oz",
        first_block=0,
        addresses={role: account_of(620 + i) for i, role in enumerate(("governor", "timelock", "token"))},
    )
    return market, governor


def prices(reserves: list[Reserve], rng: random.Random) -> list[list[float]]:
    """Hourly prices in USD; all are stored for the last 40 days, and the daily ones before that."""
    paths = []
    common = [rng.gauss(0, 1) for _ in range(HEAD + 1)]
    for reserve, (_, _, first, daily, *_rest) in zip(reserves, RESERVES, strict=True):
        price, path = first, []
        for hour in range(HEAD + 1):
            day = hour / 24
            stress = 2.8 if 210 <= day < 222 else 1.5 if 222 <= day < 250 else 0.7 + 0.3 * math.sin(day / 17)
            drift = (-0.0009 if 212 <= day < 220 else 0.00004) * (daily > 0.01) * 3
            shock = 0.75 * common[hour] + 0.66 * rng.gauss(0, 1)
            back = 0.02 * (1 - price) if daily < 0.01 else 0.0
            price *= math.exp(drift + back + stress * daily / math.sqrt(24) * shock)
            path.append(price)
        paths.append(path)
        Price.objects.bulk_create(
            [
                Price(reserve=reserve, block_number=hour, timestamp=START + hour * 3_600, price=round(path[hour] * USD))
                for hour in range(HEAD + 1)
                if hour % 24 == 23 or hour > HEAD - 40 * 24
            ],
            batch_size=5_000,
        )
    return paths


def snapshot(market: Deployment, block: int, timestamp: int) -> Snapshot:
    return Snapshot.objects.create(
        deployment=market,
        block_number=block,
        block_hash=hash_of(str(block)),
        timestamp=timestamp,
        coverage_digest=hash_of("digest"),
        dataset_hash=hash_of(f"book {block}"),
    )


def states(snapshot: Snapshot, reserves: list[Reserve], paths: list[list[float]]) -> list[ReserveState]:
    use = ((0.71, 0.24), (0.66, 0.31), (0.52, 0.18), (0.63, 0.70), (0.58, 0.66))
    rows = []
    for reserve, path, (_, decimals, _, _, ltv, threshold, bonus, supply_cap, borrow_cap), (supplied, borrowed) in zip(
        reserves, paths, RESERVES, use, strict=True
    ):
        supply = int(supply_cap * supplied) * 10**decimals
        rows.append(
            ReserveState.objects.create(
                snapshot=snapshot,
                reserve=reserve,
                price=round(path[snapshot.block_number] * USD),
                liquidity_index=RAY * 103 // 100,
                variable_borrow_index=RAY * 105 // 100,
                liquidity_rate=RAY * 21 // 1_000,
                variable_borrow_rate=RAY * 43 // 1_000,
                ltv=ltv,
                liquidation_threshold=threshold,
                liquidation_bonus=bonus,
                supply_cap=supply_cap,
                borrow_cap=borrow_cap,
                total_supply=supply,
                total_debt=int(supply * borrowed),
            )
        )
    return rows


def book(snapshot: Snapshot, reserves: list[Reserve], states: list[ReserveState], rng: random.Random) -> None:
    positions, accounts = [], []
    for index in range(140):
        held = rng.choices(range(5), weights=(6, 3, 2, 1, 1))[0]
        owed = rng.choice([r for r in (3, 4, 0) if r != held])
        worth = math.exp(rng.gauss(11.2, 1.5))  # USD
        health = 1.0 + abs(rng.gauss(0, 0.55)) ** 1.3 + 0.004
        state, debt_state = states[held], states[owed]
        threshold = state.liquidation_threshold
        collateral = round(worth * USD) * 10 ** reserves[held].decimals // state.price
        value = collateral * state.price // 10 ** reserves[held].decimals
        debt_value = 0 if index % 9 == 0 else int(value * threshold / 10_000 / health)
        debt = debt_value * 10 ** reserves[owed].decimals // debt_state.price
        debt_base = debt * debt_state.price // 10 ** reserves[owed].decimals
        account = account_of(index)
        positions.append(
            Position(
                snapshot=snapshot,
                reserve=reserves[held],
                account=account,
                collateral=collateral,
                debt=0,
                used_as_collateral=True,
            )
        )
        if debt:
            positions.append(
                Position(
                    snapshot=snapshot,
                    reserve=reserves[owed],
                    account=account,
                    collateral=0,
                    debt=debt,
                    used_as_collateral=False,
                )
            )
        factor = value * threshold * WAD // 10_000 // debt_base if debt_base else MAX_UINT256
        accounts.append(
            AccountState(
                snapshot=snapshot,
                account=account,
                collateral_base=value,
                debt_base=debt_base,
                ltv=state.ltv,
                liquidation_threshold=threshold,
                health_factor=factor,
            )
        )
    Position.objects.bulk_create(positions)
    AccountState.objects.bulk_create(accounts)


def liquidations(market: Deployment, reserves: list[Reserve], paths: list[list[float]], rng: random.Random) -> None:
    rows = []
    for index in range(74):
        day = 210 + int(abs(rng.gauss(0, 6))) if index < 58 else rng.randrange(20, DAYS - 2)
        block = day * 24 + rng.randrange(24)
        held, owed = rng.choices((0, 1, 2), weights=(5, 3, 2))[0], rng.choice((3, 4))
        price, debt_price = (round(paths[r][block] * USD) for r in (held, owed))
        repaid = round(math.exp(rng.gauss(10.1, 1.1)) * USD)
        rows.append(
            Liquidation(
                deployment=market,
                account=account_of(rng.randrange(140)),
                liquidator=account_of(700 + index % 3),
                collateral=reserves[held],
                debt=reserves[owed],
                debt_covered=repaid * 10 ** reserves[owed].decimals // debt_price,
                collateral_seized=repaid * 106 // 100 * 10 ** reserves[held].decimals // price,
                collateral_price=price,
                debt_price=debt_price,
                block_number=block,
                timestamp=START + block * 3_600,
                tx_hash=hash_of(f"liquidation {index}"),
                log_index=index,
            )
        )
    Liquidation.objects.bulk_create(rows)
    for reserve, (parameter, old, new) in zip(
        (reserves[0], reserves[0], reserves[2]),
        (
            ("supply_cap", 40_000, 60_000),
            ("liquidation_threshold", 8_250, 8_100),
            ("liquidation_threshold", 7_000, 6_500),
        ),
        strict=True,
    ):
        ParameterChange.objects.create(
            reserve=reserve,
            parameter=parameter,
            old=old,
            new=new,
            block_number=5_400,
            timestamp=START + 5_400 * 3_600,
            tx_hash=hash_of(parameter),
            log_index=reserve.index,
        )
