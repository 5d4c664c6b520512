"""The cascade lab: what a fall would do under other parameters, scenarios to choose, and what a simulation came to."""

from __future__ import annotations

import copy
import csv
import io
import json
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace as Namespace

import numpy as np
import pgtrigger
import pytest
from django.core.management.base import CommandParser
from django.db import connections

from forecasting import selectors, trials
from forecasting.core import whatif
from forecasting.core.cascade import CascadeProblem, Protocol
from forecasting.models import AccountState, BacktestRun
from forecasting.panels import burden, figures, heat, lab, network, simulation, verdicts, waterfall
from forecasting.simulations.kind import KIND
from governance.errors import ConflictError, InputError
from governance.locks import lock_key
from tests.e2e.sample import fill
from tests.e2e.sample.backtests import finished
from tests.e2e.sample.base import hash_of
from tests.e2e.sample.simulations import futures, replay
from tests.forecasting import samples


@pytest.fixture
def sample(db):
    return fill()


def words(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().replace("\N{NO-BREAK SPACE}", " ").replace("&nbsp;", " ").split())


def rows(client, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(path).content.decode())))


def cells(table, label: str) -> list[object]:
    column = next(column for column in table.columns if column.label == label)
    return [column.value(row) for row in table.rows]


# What if: the numbers


def question(**changes) -> whatif.Question:
    return replace(whatif.current(samples.problem(accounts=60, seed=4), 0), drop=0.3, **changes)


def test_asking_for_nothing_else_is_the_book_as_it_is():
    answer = whatif.answer(samples.problem(accounts=60, seed=4), question())
    assert answer.as_asked == answer.as_it_is
    assert answer.as_it_is.at_drop.drop == 0.3
    assert [drop.drop for drop in answer.as_it_is.curve] == list(whatif.GRID)


def test_a_lower_threshold_liquidates_no_less_and_may_do_so_at_once():
    problem = samples.problem(accounts=60, seed=4)
    answer = whatif.answer(problem, question(threshold=0.6))
    assert answer.as_asked.below > answer.as_it_is.below == 0
    assert answer.as_asked.accounts > answer.as_it_is.accounts
    assert answer.as_asked.at_drop.liquidatable > answer.as_it_is.at_drop.liquidatable


def test_an_answer_does_not_depend_on_the_paths_weights_and_threads_of_the_problem():
    problem = samples.problem(accounts=60, count=5, seed=4)
    other = replace(problem, paths=problem.paths[:2] * 0.5, weights=np.array([0.5, 1.5]), threads=2)
    assert whatif.answer(problem, question(bonus=0.07)) == whatif.answer(other, question(bonus=0.07))


def test_the_story_repays_what_the_answer_says():
    answer = whatif.answer(samples.problem(accounts=60, seed=4), question())
    assert sum(one.repaid for one in answer.story.rounds) == pytest.approx(answer.as_asked.at_drop.liquidated)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"drop": 1.0}, "drop"),
        ({"threshold": 0.0}, "threshold"),
        ({"bonus": 0.6}, "bonus"),
        ({"bonus": -0.1}, "bonus"),
        ({"close_factor": 0.0}, "close_factor"),
        ({"threshold": 0.95, "bonus": 0.1}, "threshold"),
        ({"drop": float("nan")}, "drop"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(changes, field):
    with pytest.raises(InputError) as caught:
        whatif.answer(samples.problem(accounts=5), replace(question(), **changes))
    assert caught.value.facts["field"] == field


def test_a_book_that_takes_too_long_is_refused():
    with pytest.raises(InputError, match=r"3,000 accounts that owe something, with .* balances, are too many"):
        whatif.answer(samples.problem(accounts=3_000), question())


def test_the_limit_counts_the_runs_that_an_answer_makes(monkeypatch):
    problem, passes = samples.problem(accounts=20, seed=4), []
    run = CascadeProblem.run

    def counted(self):
        passes.append(self.paths.shape[0] * self.paths.shape[1])
        return run(self)

    monkeypatch.setattr(CascadeProblem, "run", counted)
    whatif.answer(problem, question())
    held = sum(int(((book.collateral > 0) | (book.debt > 0)).sum()) for book in (problem.book,))
    assert sum(passes) == whatif.RUNS * whatif.HOURS
    monkeypatch.setattr(whatif, "MOST", held * sum(passes))
    whatif.require_small(problem)
    monkeypatch.setattr(whatif, "MOST", held * sum(passes) - 1)
    with pytest.raises(InputError, match="too many to answer at once"):
        whatif.require_small(problem)


def test_accounts_that_owe_nothing_are_no_work():
    problem = samples.problem(accounts=20, seed=4)
    idle = replace(problem, book=replace(problem.book, debt=np.zeros_like(problem.book.debt)))
    found = replace(idle, beside=tuple(Protocol(name=str(n), book=idle.book) for n in range(2_000)))
    whatif.require_small(found)
    with pytest.raises(InputError, match="too many"):
        whatif.require_small(replace(found, book=samples.problem(accounts=2_000).book))


@pytest.mark.django_db(transaction=True)
def test_questions_wait_for_each_other_and_not_for_ever(monkeypatch):
    monkeypatch.setattr(trials, "PATIENCE", 0.3)
    problem, asked = samples.problem(accounts=20, seed=4), question()
    monkeypatch.setattr(trials, "_bench", lambda _: Namespace(problem=problem))
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [lock_key(trials.LOCK)])
    with pytest.raises(ConflictError, match="Others are asking just now; ask again in a moment"):
        trials.ask(trials.Source(run=-1), asked)
    other.close()
    assert trials.ask(trials.Source(run=-1), asked) == whatif.answer(problem, asked)


# What if: the form


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


# What a simulation says


def test_the_verdict_of_many_futures_gives_chances_with_intervals():
    said = verdicts.verdict(futures())
    share = futures()["bad_debt"]["positive"]["value"]
    assert f"{share:.1%}".replace("%", "\N{NO-BREAK SPACE}%") in said
    assert "A reserve of $250k is not enough in" in said


def test_the_verdict_of_a_replay_counts_rounds_and_gives_no_chance():
    said = verdicts.verdict(replay())
    assert f"in {len(replay()['narrative']['rounds'])} rounds" in said
    assert "futures" not in said


def test_a_path_without_liquidations_is_said_plainly():
    found = copy.deepcopy(replay())
    found["liquidated"]["mean"]["value"] = found["bad_debt"]["mean"]["value"] = 0.0
    assert verdicts.verdict(found) == "Nothing is liquidated and no bad debt is left."


def test_the_state_follows_the_runs_own_limits():
    found = copy.deepcopy(replay())
    for value, tone in ((0.0, "good"), (1.0, "bad")):
        found["cascade"]["value"] = value
        assert verdicts.state(found).tone == tone


def test_figures_that_decide_come_in_full_rows():
    assert len(list(figures.figures(futures()))) == 8
    assert len(list(figures.figures(futures() | {"ruin": None}))) == 8
    assert len(list(figures.figures(replay()))) == 6


def test_optional_parts_may_be_missing():
    whole = futures()
    optional = {"heat", "contagion", "curve", "parties", "contributions", "narrative", "exposures", "without_impact"}
    few = {name: value for name, value in whole.items() if name not in optional}
    page = simulation.overview(few, asset="", metric="")
    assert page["network"] is None
    assert page["maps"] == []
    assert [len(page[name].rows) for name in ("contagion", "rounds", "carriers")] == [0, 0, 0]


def test_the_asset_shown_first_is_the_one_most_held():
    held = {row["symbol"]: row["collateral_usd"] for row in futures()["book"]["assets"]}
    assert simulation.overview(futures(), asset="", metric="")["asset"] == max(held, key=held.get)


def test_the_waterfall_stands_each_round_on_those_before_it():
    rounds = futures()["narrative"]["rounds"]
    chart = waterfall.waterfall(rounds)
    base, *parts = chart.series
    heights = [sum(part.data[i][1] for part in parts) for i in range(len(rounds) + 1)]
    assert heights[:-1] == pytest.approx([one["repaid"] for one in rounds])
    assert heights[-1] == pytest.approx(sum(one["repaid"] for one in rounds))
    assert [point[1] for point in base.data[:-1]] == pytest.approx([sum(heights[:i]) for i in range(len(rounds))])


def test_what_accounts_and_assets_carry_sums_to_the_tail():
    found = futures()["contributions"]
    total = sum(cells(burden.carriers(found), "Bad debt")) + found["others"]
    assert total == pytest.approx(found["total"])
    chart = burden.by_asset(found, symbols=samples.SYMBOLS)
    for column in ("As collateral", "As debt"):
        assert sum(cells(chart.table, column)) == pytest.approx(found["total"])


def test_contagion_is_what_is_lost_together_beyond_what_is_lost_alone():
    table = burden.contagion(futures()["contagion"])
    alone, together = cells(table, "Alone"), cells(table, "Together")
    assert together[-1] == pytest.approx(together[-2] - sum(value for value in alone if value is not None))


def test_bands_of_the_network_fill_their_nodes_and_none_is_lost():
    edges = sorted(futures()["exposures"]["edges"], key=lambda edge: -edge["usd"])
    drawn = network.draw(edges)
    assert len(drawn.ribbons) == len(edges)
    for side in (drawn.collaterals, drawn.debts):
        assert sum(node.usd for node in side) == pytest.approx(sum(edge["usd"] for edge in edges))
        assert all(a.top + a.size <= b.top for a, b in pairwise(side))
        assert side[-1].top + side[-1].size <= drawn.height


def test_a_map_marks_the_parameters_on_chain_and_what_is_toxic():
    found = copy.deepcopy(futures()["heat"]["lt_lb"])
    found["toxic"][0][-1], found["proposed"] = True, [0, 0]
    drawn = heat.of(found, key="lt_lb", metric="es99")
    assert next(y for y, _ in drawn.rows) == "8.0\N{NO-BREAK SPACE}%"  # the highest bonus is on top
    cells_of = {cell.words: cell for _, row in drawn.rows for cell in row if cell.words}
    i, j = found["current"]
    assert cells_of["on chain"].exact == found["es99"][j][i]
    assert cells_of["proposed"].exact == found["es99"][0][0]
    assert cells_of["toxic"].exact == found["es99"][0][-1]
    assert len(drawn.table.rows) == len(found["x"]) * len(found["y"])


def test_shades_go_from_the_smallest_to_the_largest_figure():
    found = {"x": [0.7, 0.8], "y": [0.05], "es99": [[1.0, 3.0]], "current": None}
    assert [cell.shade for cell in heat.of(found, key="lt_lb", metric="es99").rows[0][1]] == [0, heat.SHADES - 1]
    flat = found | {"es99": [[2.0, None]]}
    assert [cell.shade for cell in heat.of(flat, key="lt_lb", metric="es99").rows[0][1]] == [0, 0]
    assert heat.of(flat, key="lt_lb", metric="es99").rows[0][1][1].words == "not possible"
