"""The cascade lab: the form that asks, scenarios to choose, and the page of a simulation."""

from __future__ import annotations

import json
from dataclasses import replace

import pgtrigger
import pytest
from django.core.management.base import CommandParser

from forecasting import selectors, trials
from forecasting.models import AccountState, BacktestRun
from forecasting.panels import lab
from forecasting.simulations.kind import KIND
from tests.e2e.sample.backtests import finished
from tests.e2e.sample.base import hash_of
from tests.e2e.sample.simulations import futures
from tests.forecasting.pages import rows, words

# The form


def test_the_form_asks_the_market_and_keeps_what_was_asked(client, sample):
    said = words(client, "/lab/?asset=WBTC&drop=45&lt=80")
    assert 'value="45"' in said
    assert 'value="80"' in said
    assert "now 78 %" in said
    assert "Depth: model version" in said
    told = {row["After the fall"]: row for row in rows(client, "/lab/?asset=WBTC&drop=45&lt=80&csv=whatif")}
    assert float(told["Liquidated"]["What if"]) < float(told["Liquidated"]["As it is"])
    assert "Difference" in told["Liquidated"]


def test_without_a_change_there_is_nothing_to_compare(client, sample):
    assert "What if" not in rows(client, "/lab/?asset=WBTC&drop=45&csv=whatif")[0]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("drop=much", "Price falls by: &#x27;much&#x27;. Write a number of per cent."),
        ("drop=inf", "Price falls by: &#x27;inf&#x27;"),
        ("drop=150", "Price falls by: 150 %. It must be 0 % to 99 %."),
        ("lt=0.5", "Liquidation threshold: 0.5 %. It must be 1 % to 99 %."),
        ("lb=60", "Liquidation bonus: 60 %. It must be 0 % to 50 %."),
        ("close=0", "Close factor: 0 %. It must be 1 % to 100 %."),
        ("asset=NOPE", "There is no asset &#x27;NOPE&#x27; in this book."),
        ("asset=WETH&lt=97&lb=10", "Liquidation threshold: 97 %. With a bonus of 10 % each liquidation leaves"),
        ("book=999", "There is no finished simulation &#x27;999&#x27;."),
        (f"book={'9' * 5_000}", "There is no finished simulation &#x27;99999999999999999999&#x27;."),
        ("book=x", "There is no finished simulation &#x27;x&#x27;."),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_words_and_the_form_kept(client, sample, query, said):
    page = words(client, f"/lab/?{query}")
    assert said in page
    assert 'class="ask"' in page
    assert "Scenarios" in page


def test_an_altered_model_is_refused_in_words(client, sample):
    version = selectors.versions().get(kind="cascade")
    with pgtrigger.ignore():
        type(version).objects.filter(pk=version.pk).update(parameters={"assets": []})
    trials._bench.cache_clear()
    trials._answer.cache_clear()
    assert "was altered" in words(client, "/lab/")


def test_a_simulation_of_another_version_of_the_code_is_refused(client, sample):
    assert "was asked for with another version" in words(client, f"/lab/?book={sample.futures.pk}")


def test_a_market_without_a_model_says_where_its_depth_is_from(sample):
    snapshot = selectors.latest_snapshot(sample.market)
    source = replace(trials.market(snapshot), version=None)
    found = trials.bench(source)
    assert "no model is in use yet" in found.depth_from
    assert found.problem.depth == pytest.approx(2 * found.problem.book.total_supply * found.problem.book.price)


def test_accounts_that_no_threshold_of_an_asset_moves_are_counted(client, sample):
    assert "have a threshold of their own" not in words(client, "/lab/")
    snapshot = selectors.latest_snapshot(sample.market)
    AccountState.objects.filter(snapshot=snapshot, account=sample.account).update(emode_category=1)
    trials._bench.cache_clear()
    assert "1</data> accounts have a threshold of their own" in words(client, "/lab/")


# Scenarios and runs


def test_a_scenario_is_chosen_with_its_command(client, sample):
    page = words(client, "/lab/?scenario=flash-crash-10")
    assert ".venv/bin/python manage.py simulate market --scenario flash-crash-10" in page


def test_a_scenario_whose_data_is_missing_says_what_to_import(client, sample):
    page = words(client, "/lab/?scenario=march-2020")
    assert "<dt>Missing</dt>" in page
    assert "Then simulate it" in page


def test_without_a_market_the_command_asks_for_positions(client, db):
    page = words(client, "/lab/?scenario=flash-crash-10")
    assert "manage.py simulate --book POSITIONS --scenario flash-crash-10" in page
    assert "No book to ask about yet" in page


def test_a_simulation_that_is_not_done_shows_how_far_it_is(client, sample):
    running = BacktestRun.objects.get(kind="simulation", status="running")
    failed = BacktestRun.objects.get(kind="simulation", status="failed")
    assert "35 % done" in words(client, f"/lab/{running.pk}/")
    assert "A price of GOV is missing." in words(client, f"/lab/{failed.pk}/")


def test_a_backtest_is_no_simulation(client, sample):
    assert client.get(f"/lab/{sample.backtest.pk}/").status_code == 404
    assert all(run.kind != "simulation" for run in selectors.backtests())


def test_an_altered_simulation_is_not_shown(client, sample):
    with pgtrigger.ignore():
        BacktestRun.objects.filter(pk=sample.replay.pk).update(result=futures())
    page = words(client, f"/lab/{sample.replay.pk}/")
    assert "This simulation is not shown" in page
    assert "was altered after it ended" in page


def _real(sample, tmp_path) -> BacktestRun:
    told = tmp_path / "fall.json"
    told.write_text(
        json.dumps({"title": "A fall", "hours": 6, "steps": [{"hour": 0, "asset": "WBTC", "change": -0.4}]})
    )
    options = vars(_parser().parse_args(["market", "--scenario", str(told)]))
    request = KIND.request(options)
    posed = KIND.inputs(request)
    done: dict[str, object] = {}
    for unit in KIND.units(request, posed):
        done[unit] = KIND.compute(unit, request=request, inputs=posed, done=done, tick=lambda: None)
    return finished(
        KIND.report(request, posed, done),
        key=hash_of("real"),
        kind="simulation",
        request=request,
        dataset=posed.dataset,
        code_version="c",
        lock_hash="l",
        limit=60,
    )


def test_a_question_to_an_altered_simulation_is_refused(client, sample, tmp_path):
    run = _real(sample, tmp_path)
    request = {**run.request, "dollars": {"market": {"WBTC": 1.0}}}
    with pgtrigger.ignore():
        BacktestRun.objects.filter(pk=run.pk).update(request=request)
    said = words(client, f"/lab/?book={run.pk}")
    assert f"Simulation {run.pk} was altered after it ended" in said
    assert 'name="drop"' not in said


def test_a_question_to_a_book_that_is_no_longer_the_same_is_refused(client, sample, tmp_path, monkeypatch):
    run = _real(sample, tmp_path)
    stand = trials.posing.stand

    def other(request):
        found = stand(request)
        richer = replace(found.book, collateral=found.book.collateral * (1 + 1e-12))
        return replace(found, books=(richer, *found.books[1:]))

    monkeypatch.setattr(trials.posing, "stand", other)
    said = words(client, f"/lab/?book={run.pk}")
    assert f"The book of simulation {run.pk} cannot be read again as it was" in said
    assert 'name="drop"' not in said


def test_the_list_names_imported_books_as_the_command_does():
    request = {"protocols": [{"market": "main"}, {"positions": "positions/desk", "version": 1}]}
    assert lab.book(request) == "main, positions/desk"
    assert lab.book({}) is None


def test_a_real_simulation_has_its_page_and_its_book_can_be_asked(client, sample, tmp_path):
    run = _real(sample, tmp_path)
    assert "What these numbers stand on" in words(client, f"/lab/{run.pk}/")
    query = "asset=WBTC&drop=45&lt=80"
    mine = rows(client, f"/lab/?book={run.pk}&{query}&csv=whatif")
    assert mine == rows(client, f"/lab/?book=market&{query}&csv=whatif")


def _parser() -> CommandParser:
    parser = CommandParser()
    KIND.add_arguments(parser)
    return parser
