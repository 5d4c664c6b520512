"""From the database to a recommendation and its evidence."""

from __future__ import annotations

import json

import pytest
from django.db import DatabaseError, transaction

from forecasting.models import Price
from governance.errors import ImplausibleData, InputError
from proposals import evidence, policy
from proposals.core.canonical import digest
from proposals.market import read_market
from proposals.models import EvidenceReport, Recommendation
from proposals.recommend import recommend
from tests.proposals.cases import CURRENT, document
from tests.proposals.markets import NOW, small_problem

CARELESS = {"objective__es99_weight": 0, "objective__borrower_loss_weight": 0}


@pytest.fixture
def careless(db):
    """A policy that values borrowing power alone, so that a change is sure to win."""
    return policy.load(document(**CARELESS))


def test_the_market_is_read_to_the_last_digit(market, changed):
    found = read_market(market.weth, snapshot=market.snapshot)
    assert dict(found.current) == CURRENT
    assert found.supplied == sum(range(10, 40))
    assert len(found.exposures) == 30
    assert {row.in_reserve for row in found.exposures} == {tokens * 2_000 * 10**8 for tokens in range(10, 40)}
    assert all(row.in_reserve == row.collateral for row in found.exposures)
    assert found.last_changed == {"ltv": NOW - 3600}
    assert (found.priced_at, found.longest_gap) == (NOW, 3600)


def test_a_recommendation_keeps_every_candidate_and_its_inputs(market, models, active_policy):
    found = recommend(market.weth, snapshot=market.snapshot, policy=active_policy)
    assert found.baseline["parameters"] == CURRENT
    assert found.candidates[0]["parameters"] == CURRENT
    assert found.inputs["confirmation"] == {"paths": 8_000, "seed": 1_000_004}
    assert [row["index"] for row in found.candidates] == list(range(len(found.candidates)))
    assert any(not row["admissible"] and row["rejected_by"] for row in found.candidates)
    assert {"cap-use", "monotonicity"} <= {finding["code"] for finding in found.findings}
    assert found.inputs["chain"]["block_number"] == market.snapshot.block_number
    assert found.inputs["models"]["cascade"]["artifact_hash"] == "c" * 64
    assert found.created_timestamp == NOW
    assert set(found.chosen["responses"]) == {"constant_amounts", "constant_health"}


def test_the_baseline_is_what_the_forecast_itself_says(market, models, active_policy):
    found = recommend(market.weth, snapshot=market.snapshot, policy=active_policy)
    for seed, side in ((found.seed, found.candidates[0]), (found.inputs["confirmation"]["seed"], found.baseline)):
        estimate, numbers = small_problem(market.snapshot, seed=seed).evaluate(), side["numbers"]
        assert numbers["es99"] == pytest.approx(estimate.bad_debt.es99.value, rel=1e-5)
        assert numbers["capacity"] == pytest.approx(estimate.borrow_capacity, rel=1e-5)
        assert numbers["lar95"] == pytest.approx(estimate.liquidated.var95.value, rel=1e-5)


def test_a_sure_gain_is_recommended_in_words_and_numbers(market, models, careless):
    found = recommend(market.weth, snapshot=market.snapshot, policy=careless)
    assert found.status == Recommendation.Status.RECOMMENDED
    assert found.chosen["parameters"]["ltv"] > CURRENT["ltv"]
    assert found.chosen["numbers"]["gain_low"] > 0
    changes = {row["parameter"]: (row["before"], row["after"]) for row in found.chosen["changes"]}
    assert changes["ltv"] == (CURRENT["ltv"], found.chosen["parameters"]["ltv"])
    assert "better than changing nothing" in found.chosen["why"]
    assert "confirmed on 8,000 other futures" in found.chosen["why"]
    assert not any(finding["level"] == "block" for finding in found.findings)


def test_nothing_changes_where_the_tail_weighs_more(market, models):
    heavy = policy.load(document(objective__es99_weight=10**6, parameters__liquidation_threshold__grid=[100, 200]))
    found = recommend(market.weth, snapshot=market.snapshot, policy=heavy)
    assert found.status == Recommendation.Status.CHANGE_NOTHING
    assert found.chosen["changes"] == []
    assert found.chosen["index"] == 0
    assert "nothing should change" in found.chosen["why"]


def test_a_parameter_in_its_cool_down_stays(market, models, careless, changed):
    found = recommend(market.weth, snapshot=market.snapshot, policy=careless)
    assert found.chosen["parameters"]["ltv"] == CURRENT["ltv"]


def test_the_search_abstains_from_stale_prices_without_a_model(market, careless, monkeypatch):
    Price.objects.filter(timestamp__gt=NOW - 7 * 3600).delete()
    found = recommend(market.weth, snapshot=market.snapshot, policy=careless)
    assert found.status == Recommendation.Status.ABSTAINED
    assert [finding["code"] for finding in found.findings if finding["level"] == "block"] == ["freshness"]
    assert found.candidates == []
    with pytest.raises(InputError, match="abstained"):
        evidence.build(found)


def test_the_search_abstains_from_a_hole_in_the_history(market, models, careless):
    Price.objects.filter(reserve=market.usdc, timestamp__gt=NOW - 30 * 3600, timestamp__lt=NOW - 10 * 3600).delete()
    found = recommend(market.weth, snapshot=market.snapshot, policy=careless)
    assert found.status == Recommendation.Status.ABSTAINED


def test_the_same_inputs_are_the_same_recommendation(market, models, active_policy):
    first = recommend(market.weth, snapshot=market.snapshot, policy=active_policy)
    assert recommend(market.weth, snapshot=market.snapshot, policy=active_policy) == first
    assert recommend(market.weth, snapshot=market.snapshot, policy=active_policy, seed=2) != first


def test_the_same_inputs_give_the_same_evidence_bytes(market, models, active_policy):
    made = []
    for _ in range(2):
        found = recommend(market.weth, snapshot=market.snapshot, policy=active_policy)
        made.append((evidence.render(found), evidence.render(Recommendation.objects.get(pk=found.pk))))
        with transaction.atomic():
            found.delete()
    assert len({body for pair in made for body in pair}) == 1  # in memory and from the database, both times


def test_evidence_answers_its_question_and_names_its_inputs(market, models, careless):
    report = evidence.build(recommend(market.weth, snapshot=market.snapshot, policy=careless))
    data = json.loads(bytes(report.body))
    assert report.hash == digest(bytes(report.body))
    assert data["format"] == "breakwater-evidence/1"
    assert "WETH" in data["question"]
    assert data["answer"]["status"] == "recommended"
    assert data["inputs"]["policy"]["hash"] == careless.hash
    assert data["inputs"]["dataset_hash"] == market.snapshot.dataset_hash
    assert len(data["inputs"]["code_version"]) == 64
    assert data["baseline"]["index"] == 0
    assert data["method"]
    assert data["limits"]
    assert evidence.build(report.recommendation) == report


def test_a_report_that_holds_is_verified_and_an_altered_one_is_not(market, models, careless):
    report = evidence.build(recommend(market.weth, snapshot=market.snapshot, policy=careless))
    found = evidence.verify(report)
    assert (found.holds, found.canonical, found.rebuilt, found.described) == (True, True, True, None)
    report.body = bytes(report.body).replace(b"recommended", b"recommendeD")
    with pytest.raises(ImplausibleData, match="altered"):
        evidence.verify(report)


def test_a_report_of_older_code_still_holds(market, models, careless, monkeypatch):
    report = evidence.build(recommend(market.weth, snapshot=market.snapshot, policy=careless))
    monkeypatch.setattr(evidence, "code_version", lambda: "f" * 64)
    monkeypatch.setattr(evidence, "METHOD", ("Done in another way by now.",))
    found = evidence.verify(report)
    assert (found.holds, found.rebuilt) == (True, None)


def test_the_database_refuses_to_change_evidence_or_recommendation(market, models, careless):
    report = evidence.build(recommend(market.weth, snapshot=market.snapshot, policy=careless))
    with transaction.atomic(), pytest.raises(DatabaseError, match="Cannot update"):
        EvidenceReport.objects.update(body=b"")
    with transaction.atomic(), pytest.raises(DatabaseError, match="Cannot update or delete"):
        EvidenceReport.objects.all().delete()
    with transaction.atomic(), pytest.raises(DatabaseError, match="Cannot update"):
        Recommendation.objects.filter(pk=report.recommendation_id).update(seed=7)


def test_a_model_that_has_seen_the_future_is_refused(market, models, careless):
    models["cascade"].created_timestamp = NOW + 1
    with pytest.raises(InputError, match="trained on data from after"):
        recommend(market.weth, snapshot=market.snapshot, policy=careless)


def test_a_reserve_of_another_market_is_refused(market, models, careless):
    stranger = type(market.weth)(symbol="GOV", pk=999_999, deployment=market.deployment)
    with pytest.raises(InputError, match="GOV is not in the snapshot"):
        recommend(stranger, snapshot=market.snapshot, policy=careless)
