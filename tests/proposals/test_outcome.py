"""The score: forecast beside what happened."""

from __future__ import annotations

import math

import pytest
from django.db import DatabaseError, transaction

from forecasting import checkpoints
from forecasting.models import AccountState, Derivation, Liquidation, Price, Snapshot
from governance.chain import store
from governance.errors import ConflictError, GapInData, InputError
from governance.models import Block
from proposals import draft as drafting
from proposals import outcome, policy, review
from proposals.models import Draft, Outcome
from proposals.realised import Window, measure
from proposals.recommend import recommend
from tests.forecasting.rows import derive
from tests.proposals.cases import CURRENT, document
from tests.proposals.fake_chain import FakeChain
from tests.proposals.markets import HEAD, NOW, STEWARD, address
from tests.proposals.test_draft import CARELESS, mirrored

HOURS = 168
END = NOW + HOURS * 3600


def add_block(market, number, timestamp):
    return Block.objects.create(
        chain=market.deployment.chain,
        number=number,
        hash=number.to_bytes(32),
        parent_hash=(number - 1).to_bytes(32),
        timestamp=timestamp,
    )


@pytest.fixture
def aftermath(market):
    """A week later: prices swing by 1 % every hour, one account was liquidated, one owes more than it has."""
    add_block(market, HEAD + 500, END - 1800)
    add_block(market, HEAD + 501, END + 1800)
    Price.objects.bulk_create(
        Price(
            reserve=market.weth,
            block_number=HEAD + i,
            timestamp=NOW + i * 3600,
            price=(2_020 if i % 2 else 2_000) * 10**8,
        )
        for i in range(1, HOURS + 5)
    )
    common = {
        "deployment": market.deployment,
        "account": address(1_000),
        "liquidator": address(9),
        "collateral": market.weth,
        "debt": market.usdc,
        "debt_covered": 1_000 * 10**6,
        "collateral_seized": 525 * 10**15,
        "collateral_price": 2_000 * 10**8,
        "debt_price": 10**8,
        "tx_hash": "0x" + "09" * 32,
    }
    for block, stamp in ((HEAD, NOW), (HEAD + 9, NOW + 9), (HEAD + 501, END + 1)):  # only the middle one is inside
        Liquidation.objects.create(block_number=block, log_index=0, timestamp=stamp, **common)
    later = Snapshot.objects.create(
        deployment=market.deployment,
        block_number=HEAD + 500,
        block_hash=f"0x{HEAD + 500:064x}",
        timestamp=END - 1800,
        coverage_digest="0x",
        dataset_hash="0x",
    )
    derive(later)
    # As if the same code had made it from the same logs: it is taken as it is.
    later.coverage_digest = store.digest(market.deployment, later.block_number)
    later.decoder = checkpoints.decoder(market.deployment)
    later.save()
    for who, collateral, debt in ((1, 1_000, 1_100), (2, 5_000, 1_000)):
        AccountState.objects.create(
            snapshot=later,
            account=address(who),
            collateral_base=collateral * 10**8,
            debt_base=debt * 10**8,
            ltv=7_700,
            liquidation_threshold=8_000,
            health_factor=1,
        )
    return later


@pytest.fixture
def executed(market, models, monkeypatch):
    chain = FakeChain(settings=dict(CURRENT), timestamp=END + 3600, number=HEAD + 600)
    monkeypatch.setattr(drafting, "simulate", chain.simulate)
    found = recommend(market.weth, snapshot=market.snapshot, policy=policy.load(document(**CARELESS)))
    draft = drafting.draft(found, proposer=STEWARD, client=chain)
    review.sign_off(draft, steward=STEWARD)
    mirrored(draft, state="executed")
    chain.settings.update(found.chosen["parameters"])
    return draft, chain


def test_what_happened_is_measured_inside_the_window_alone(market, aftermath):
    found = measure(market.weth, window=Window(start=NOW, end=END))
    assert found.block_number == HEAD + 500
    assert found.bad_debt == pytest.approx(100.0)
    assert found.capacity == pytest.approx(6_000 * 0.77)
    assert found.liquidated == pytest.approx(1_000.0)
    assert found.borrower_loss == pytest.approx(50.0)
    assert found.volatility == pytest.approx(math.log(2_020 / 2_000) * math.sqrt(365 * 24), rel=1e-3)


def test_an_executed_proposal_is_scored_once(executed, aftermath):
    draft, chain = executed
    scored = outcome.score(draft, client=chain)
    draft.refresh_from_db()
    assert draft.status == Draft.Status.SCORED
    assert (scored.scored_at, scored.block_number) == (chain.timestamp, chain.number)
    metrics = {row["key"]: row for row in scored.body["metrics"]}
    assert set(metrics) == {"bad_debt", "liquidated", "borrower_loss", "volatility", "capacity"}
    assert metrics["bad_debt"]["realised"] == 100
    assert metrics["volatility"]["low"] < metrics["volatility"]["forecast"] < metrics["volatility"]["high"]
    for key in ("bad_debt", "liquidated", "borrower_loss", "volatility"):
        row = metrics[key]
        dust = 1 if row["unit"] == "usd" else 0
        assert row["inside"] is (row["low"] - dust <= row["realised"] <= row["high"] + dust)
        assert 0 <= row["pit"] <= 1
    assert "inside" not in metrics["capacity"]
    assert [row["holds"] for row in scored.body["parameters"]] == [True] * 5
    assert outcome.score(draft, client=chain) == scored
    assert Outcome.objects.count() == 1


def test_a_parameter_that_was_changed_since_is_reported(executed, aftermath):
    draft, chain = executed
    chain.settings["supply_cap"] = 1
    rows = outcome.score(draft, client=chain).body["parameters"]
    assert {row["parameter"]: row["holds"] for row in rows}["supply_cap"] is False


def test_a_forecast_is_not_scored_before_its_horizon_is_over(market, executed):
    draft, chain = executed
    add_block(market, HEAD + 400, END - 7200)
    with pytest.raises(InputError, match=r"2\.0 hours after the collected history"):
        outcome.score(draft, client=chain)
    draft.refresh_from_db()
    assert draft.status == Draft.Status.EXECUTED


def test_what_was_not_executed_is_not_scored(market, models, monkeypatch):
    chain = FakeChain(settings=dict(CURRENT))
    monkeypatch.setattr(drafting, "simulate", chain.simulate)
    found = recommend(market.weth, snapshot=market.snapshot, policy=policy.load(document(**CARELESS)))
    draft = drafting.draft(found, proposer=STEWARD, client=chain)
    with pytest.raises(ConflictError, match="not executed"):
        outcome.score(draft, client=chain)


def test_history_must_reach_the_window_s_end(market, aftermath):
    Derivation.objects.update(block_number=HEAD + 400)
    with pytest.raises(GapInData, match="derived up to block 5400, not to block 5500"):
        measure(market.weth, window=Window(start=NOW, end=END))
    Derivation.objects.update(block_number=HEAD + 500)
    measure(market.weth, window=Window(start=NOW, end=END))
    aftermath.refresh_from_db()
    assert aftermath.pinned


def test_the_database_refuses_to_change_a_score(executed, aftermath):
    draft, chain = executed
    outcome.score(draft, client=chain)
    with transaction.atomic(), pytest.raises(DatabaseError, match="Cannot update or delete"):
        Outcome.objects.update(scored_at=0)
