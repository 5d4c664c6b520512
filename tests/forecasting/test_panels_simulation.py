"""What a simulation says of its result: verdicts, the waterfall, what carries the risk, the network and the maps."""

from __future__ import annotations

import copy
from itertools import pairwise

import pytest

from forecasting.panels import burden, figures, heat, network, simulation, verdicts, waterfall
from tests.e2e.sample.simulations import futures, replay
from tests.forecasting import samples
from tests.forecasting.pages import cells


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
