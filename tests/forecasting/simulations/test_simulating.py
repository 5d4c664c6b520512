"""Simulations end to end: the same bits however they are cut, and a result that adds up."""

from __future__ import annotations

import json

import numpy as np
import pytest

from forecasting.simulations import cutting, text
from forecasting.simulations.kind import KIND
from forecasting.simulations.result import HASH
from tests.forecasting.simulations.stage import BONUS, DEPTH, SEVERE, book, options, simulate

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(tmp_path) -> str:
    return book(tmp_path)


def test_the_result_is_the_same_to_the_bit_for_1_2_and_8_chunks(desk) -> None:
    found = [
        simulate("--book", desk, *BONUS, *DEPTH, *SEVERE, "--paths", "700", "--chunks", chunks)
        for chunks in ("1", "2", "8")
    ]
    assert len({one[HASH] for one in found}) == 1
    assert len({one["content_hash"] for one in found}) == 3  # of the runs, which are different ones
    assert found[0]["bad_debt"]["es99"]["value"] > 0
    assert [{k: v for k, v in one.items() if k != "content_hash"} for one in found[1:]] == [
        {k: v for k, v in found[0].items() if k != "content_hash"}
    ] * 2


def test_another_seed_is_another_result(desk) -> None:
    words = ("--book", desk, *BONUS, *DEPTH, *SEVERE, "--paths", "100")
    assert simulate(*words)[HASH] != simulate(*words, "--seed", "2")[HASH]


def test_paths_are_doubled_until_the_error_is_small_and_chunks_do_not_tell(desk, monkeypatch) -> None:
    monkeypatch.setattr(cutting, "FIRST", 400)
    words = ("--book", desk, *BONUS, *DEPTH, *SEVERE, "--paths", "3200", "--precise")
    first = simulate(*words, "1")["error"]
    rough = [simulate(*words, str(1.1 * first), "--chunks", chunks) for chunks in ("1", "3")]
    fine = [simulate(*words, str(0.8 * first), "--chunks", chunks) for chunks in ("2", "5")]
    assert rough[0][HASH] == rough[1][HASH]
    assert fine[0][HASH] == fine[1][HASH]
    assert (rough[0]["paths"], rough[0]["precise"], rough[0]["error"]) == (400, True, first)
    assert fine[0]["paths"] in {800, 1600, 3200}
    assert fine[0]["precise"] == (fine[0]["error"] < 0.8 * first)
    unreachable = simulate(*words, "1e-6")
    assert (unreachable["paths"], unreachable["precise"]) == (3200, False)


def test_no_account_is_lost_not_even_dust(desk) -> None:
    found = simulate("--book", desk, *BONUS, *DEPTH, *SEVERE, "--paths", "20")
    assert (found["book"]["accounts"], found["book"]["borrowers"]) == (31, 31)
    assert found["book"]["debt_usd"] == pytest.approx(sum(row["usd"] for row in found["exposures"]["edges"]))


def test_parts_sum_to_the_whole(desk) -> None:
    found = simulate("--book", desk, *BONUS, *DEPTH, *SEVERE, "--paths", "300", "--reserve", "1000")
    told = found["contributions"]
    assert told["total"] == pytest.approx(found["bad_debt"]["es99"]["value"])
    assert sum(row["usd"] for row in told["accounts"]) + told["others"] == pytest.approx(told["total"])
    for part in ("protocols", "debts", "collaterals"):
        assert sum(told[part].values()) == pytest.approx(told["total"])
    parties = found["parties"]
    four = ("borrowers", "liquidators", "costs", "traders")
    assert sum(parties[name]["value"] for name in four) == pytest.approx(0.0, abs=1e-6)
    assert parties["lenders"]["value"] == pytest.approx(found["bad_debt"]["mean"]["value"])
    assert sum(found["lost"].values()) == pytest.approx(found["bad_debt"]["mean"]["value"])
    assert 0 < found["ruin"]["low"] <= found["ruin"]["value"] <= found["ruin"]["high"] <= 1


def test_a_deterministic_scenario_is_one_path_told_round_by_round(desk) -> None:
    found = simulate("--book", desk, *BONUS, *DEPTH, "--scenario", "flash-crash-10", "--paths", "500")
    told = found["narrative"]
    assert (found["paths"], found["scenario"]["deterministic"], told["path"]) == (1, True, 0)
    assert len(told["rounds"]) > 1
    assert told["events_total"] == sum(one["liquidations"] for one in told["rounds"]) == len(told["events"])
    assert sum(one["repaid"] for one in told["rounds"]) == pytest.approx(found["liquidated"]["mean"]["value"])
    assert all(before > after for one in told["rounds"] for before, after in one["prices"].values())
    assert all(sum(one["causes"].values()) == pytest.approx(1.0) and one["why"] for one in told["rounds"])
    assert found["amplification"] > 1


def test_what_is_certain_has_no_interval(desk) -> None:
    found = simulate("--book", desk, *BONUS, *DEPTH, "--scenario", "flash-crash-10", "--reserve", "1")
    for estimate in (found["bad_debt"]["positive"], found["liquidated"]["positive"], found["cascade"], found["ruin"]):
        assert estimate["low"] == estimate["value"] == estimate["high"]
    assert found["liquidated"]["positive"]["value"] == 1
    drawn = simulate("--book", desk, *BONUS, *DEPTH, *SEVERE, "--paths", "20")["bad_debt"]["positive"]
    assert drawn["low"] < drawn["high"]


def test_precision_without_a_loss_goes_to_the_limit_and_is_not_claimed(desk, monkeypatch) -> None:
    monkeypatch.setattr(cutting, "FIRST", 20)
    words = ("--scenario", "volatility-adverse", "--hours", "1", "--paths", "80", "--precise", "0.5")
    found = simulate("--book", desk, *BONUS, *DEPTH, *words)
    assert found["bad_debt"]["maximum"] < 1
    assert (found["paths"], found["precise"], found["error"]) == (80, False, None)
    assert "no loss was seen, so nothing tells how precise" in text.text(found)


def test_without_impact_the_depth_does_not_matter(desk) -> None:
    words = ("--book", desk, *BONUS, "--scenario", "flash-crash-10")
    shallow = simulate(*words, *DEPTH)
    deep = simulate(*words, "--depth", "WETH=inf", "--depth", "WBTC=inf")
    assert deep["liquidated"] == deep["without_impact"]["liquidated"] == shallow["without_impact"]["liquidated"]
    assert shallow["liquidated"]["mean"]["value"] > deep["liquidated"]["mean"]["value"]


def test_books_beside_share_the_depth_and_are_told_apart(tmp_path, desk) -> None:
    other = book(tmp_path, source="other")
    words = (*BONUS, *DEPTH, *SEVERE, "--paths", "100")
    alone = simulate("--book", desk, *words)
    both = simulate("--book", desk, "--beside", other, *words)
    assert [row["name"] for row in both["protocols"]] == [desk, other]
    assert both["book"]["accounts"] == 2 * alone["book"]["accounts"]
    assert both["contagion"]["alone"][desk] == alone["bad_debt"]["mean"]
    assert both["contagion"]["together"]["value"] == pytest.approx(
        sum(row["value"] for row in both["contagion"]["alone"].values()) + both["contagion"]["marginal"]["value"]
    )
    assert both["protocols"][0]["bad_debt"]["mean"]["value"] > alone["bad_debt"]["mean"]["value"]
    assert alone["contagion"] is None


def test_heat_maps_and_one_accounts_story_are_told_when_asked_for(desk) -> None:
    account = f"0x{1:040x}"
    found = simulate(
        *("--book", desk, *BONUS, *DEPTH, *SEVERE, "--paths", "20"), "--heat", "ETH", "--explain", account[:42]
    )
    assert found["heat"]["symbol"] == "WETH"
    assert np.shape(found["heat"]["lt_lb"]["es99"]) == np.shape(found["heat"]["lt_lb"]["toxic"])
    assert found["heat"]["ltv_cap"]["current"] is not None
    told = found["narrative"]["explained"]
    assert told["account"] == account
    assert told["health"] == pytest.approx(1.02, abs=1e-4)
    assert all(event["account"] == account for event in told["events"])
    assert len(told["events"]) == told["liquidations"] > 0


def test_how_liquidators_oracles_and_depth_behave_can_be_said(desk) -> None:
    words = ("--book", desk, *BONUS, *DEPTH, "--scenario", "flash-crash-10")
    plain = simulate(*words)
    poor = simulate(*words, "--capital", "100")
    late = simulate(*words, "--oracle", "1,0.005,3")
    leaving = simulate(*words, "--withdrawal", "5,48")
    greedy = simulate(*words, "--profit-floor", "0.2")
    assert poor["liquidated"]["mean"]["value"] < plain["liquidated"]["mean"]["value"]
    assert poor["market"]["crew"]["capital"] == 100
    assert late["narrative"]["rounds"][0]["hour"] > plain["narrative"]["rounds"][0]["hour"]
    assert leaving["liquidated"]["mean"]["value"] < plain["liquidated"]["mean"]["value"]  # it pays to sell less
    assert greedy["liquidated"]["mean"]["value"] == 0


def test_the_request_is_json_and_complete(desk) -> None:
    request = KIND.request(options("--book", desk, *BONUS, *DEPTH, *SEVERE))
    assert json.loads(json.dumps(request, allow_nan=False)) == request
    assert request["protocols"] == [{"positions": desk, "version": 1}]
    assert request["quotes"] is None
    assert (request["paths"], request["chunks"], request["precise"]) == (2000, 4, None)
    assert KIND.inputs(request).dataset == KIND.inputs(request).dataset
