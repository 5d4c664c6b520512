"""A small market in the database, and a cascade problem over its book, without a chain and without training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from forecasting import datasets, forecasts
from forecasting.core.cascade import CascadeProblem, CascadeRules
from forecasting.models import (
    AccountState,
    Dataset,
    ModelVersion,
    ParameterChange,
    Position,
    Price,
    Reserve,
    ReserveState,
    Snapshot,
)
from governance.chain.abi import checksum
from governance.errors import InputError
from governance.models import Block, Chain, Deployment
from tests.forecasting.rows import derive
from tests.proposals.cases import CURRENT

NOW = 1_700_000_000 - 1_700_000_000 % 3600
HEAD = 5_000
STEWARD = checksum("0x" + "5e" * 20)
PATHS = 300


def address(number: int) -> str:
    return checksum(number.to_bytes(20, "big"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallMarket:
    deployment: Deployment
    governor: Deployment
    snapshot: Snapshot
    weth: Reserve
    usdc: Reserve


def small_market() -> SmallMarket:
    chain = Chain.objects.create(chain_id=31337, name="Local", genesis_hash="0x" + "00" * 32)
    roles = ("addresses_provider", "pool", "configurator", "oracle", "data_provider", "acl_manager")
    deployment = Deployment.objects.create(
        chain=chain,
        slug="market",
        name="Market",
        kind="protocol",
        flavour="aave_v3",
        addresses={role: address(i) for i, role in enumerate(roles, start=1)},
        first_block=0,
    )
    governor = Deployment.objects.create(
        chain=chain,
        slug="dao",
        name="DAO",
        kind="governor",
        flavour="oz",
        addresses={"governor": address(20), "timelock": address(21), "token": address(22)},
        first_block=0,
    )
    weth, usdc = (_reserve(deployment, index) for index in range(2))
    Block.objects.create(chain=chain, number=HEAD, hash=b"\1" * 32, parent_hash=b"\0" * 32, timestamp=NOW)
    snapshot = Snapshot.objects.create(
        deployment=deployment,
        block_number=HEAD,
        block_hash="0x" + "01" * 32,
        timestamp=NOW,
        coverage_digest="0x" + "02" * 32,
        dataset_hash="0x" + "03" * 32,
    )
    derive(snapshot)
    _book(snapshot, weth, usdc)
    for reserve, price in ((weth, 2_000), (usdc, 1)):
        Price.objects.bulk_create(
            Price(reserve=reserve, block_number=HEAD - i, timestamp=NOW - i * 3600, price=price * 10**8)
            for i in range(72)
        )
    return SmallMarket(deployment=deployment, governor=governor, snapshot=snapshot, weth=weth, usdc=usdc)


def _reserve(deployment: Deployment, index: int) -> Reserve:
    base = 100 + 10 * index
    return Reserve.objects.create(
        deployment=deployment,
        index=index,
        address=address(base),
        symbol=("WETH", "USDC")[index],
        decimals=(18, 6)[index],
        a_token=address(base + 1),
        debt_token=address(base + 2),
        stable_debt_token=address(base + 3),
        feed=address(base + 4),
    )


def _book(snapshot: Snapshot, weth: Reserve, usdc: Reserve) -> None:
    supplied = borrowed = 0
    for i in range(30):
        collateral, debt = (10 + i) * 10**18, int((10 + i) * 2_000 * (0.40 + 0.0125 * i)) * 10**6
        supplied, borrowed = supplied + collateral, borrowed + debt
        who = address(1_000 + i)
        Position.objects.create(
            snapshot=snapshot, reserve=weth, account=who, collateral=collateral, debt=0, used_as_collateral=True
        )
        Position.objects.create(
            snapshot=snapshot, reserve=usdc, account=who, collateral=0, debt=debt, used_as_collateral=False
        )
        value, owed = (10 + i) * 2_000 * 10**8, debt * 100
        AccountState.objects.create(
            snapshot=snapshot,
            account=who,
            collateral_base=value,
            debt_base=owed,
            ltv=7_700,
            liquidation_threshold=8_000,
            health_factor=value * 8_000 * 10**14 // owed,
        )
    for reserve, supply, debt, price in ((weth, supplied, 0, 2_000), (usdc, 2 * borrowed, borrowed, 1)):
        ReserveState.objects.create(
            snapshot=snapshot,
            reserve=reserve,
            price=price * 10**8,
            liquidity_index=10**27,
            variable_borrow_index=10**27,
            liquidity_rate=0,
            variable_borrow_rate=0,
            total_supply=supply,
            total_debt=debt,
            **{**CURRENT, "borrow_cap": CURRENT["borrow_cap"] if reserve == weth else 10**7, "supply_cap": 1_000},
        )


def version(deployment: Deployment, kind: str) -> ModelVersion:
    dataset, _ = Dataset.objects.get_or_create(
        hash="d" * 64,
        defaults={
            "kind": "hourly-prices",
            "first_timestamp": 0,
            "last_timestamp": NOW,
            "rows": 9,
            "block_number": HEAD,
        },
    )
    return ModelVersion.objects.create(
        deployment=deployment,
        kind=kind,
        name=f"test-{kind}",
        dataset=dataset,
        code_version="c" * 64,
        lock_hash="l" * 64,
        seed=1,
        artifact_hash=kind[0] * 64,
        verdict="champion",
        created_timestamp=NOW,
    )


def small_problem(snapshot: Snapshot, *, seed: int, sigma: float = 0.06) -> CascadeProblem:
    book = datasets.book(snapshot)
    shocks = np.random.default_rng(seed).standard_t(4, size=(PATHS, 14, 1)) * sigma
    moves = np.concatenate([np.cumsum(shocks, axis=1), np.zeros((PATHS, 14, 1))], axis=2)
    return CascadeProblem(
        book=book,
        paths=book.price * np.exp(moves),
        step_hours=12.0,
        depth=np.array([2e6, np.inf]),
        rules=CascadeRules(),
        threads=1,
    )


def pose_small_problems(market: SmallMarket, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModelVersion]:
    """Register two versions and let them pose the small problem instead of a trained one."""
    found = {kind: version(market.deployment, kind) for kind in ("volatility", "cascade")}

    def problem(snapshot: Snapshot, *, models: Any, horizon_hours: int, paths: int, seed: int) -> CascadeProblem:
        assert models == found
        return small_problem(snapshot, seed=seed)

    def champions(deployment: Deployment) -> dict[str, ModelVersion]:
        if deployment != market.deployment:
            raise InputError("nothing was trained")
        return found

    monkeypatch.setattr(forecasts, "problem", problem)
    monkeypatch.setattr(forecasts, "champions", champions)
    return found


def change_ltv(market: SmallMarket) -> None:
    ParameterChange.objects.create(
        reserve=market.weth,
        parameter="ltv",
        old=7_600,
        new=7_700,
        block_number=HEAD - 1,
        timestamp=NOW - 3600,
        tx_hash="0x" + "04" * 32,
        log_index=0,
    )
