"""Parts of a simulation on their own: depth from quotes, weighted quantiles, the path that is told, receipts, names."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from forecasting.core import exchange, tables
from forecasting.core.cascade import CascadeProblem
from forecasting.core.outcomes import Limits
from forecasting.core.worlds import likeness
from forecasting.core.worlds.base import Draw
from forecasting.simulations import cutting, depths, families, markets, result, symbols, telling, text
from forecasting.simulations.cutting import Joined
from forecasting.simulations.kind import KIND
from governance.errors import InputError
from tests.forecasting import samples
from tests.forecasting.imports.files import run, write
from tests.forecasting.simulations.stage import BONUS, DEPTH, SEVERE, book, leg, options, simulate


@pytest.fixture
def quotes(tmp_path) -> list:
    """Import quotes of WETH and USDT: constant products that hold 5,000 and 10 million tokens."""
    rows = [
        {
            "ts": 1_700_000_000 + index,
            "sold": asset,
            "bought": "USDC",
            "amount_in": round(amount, 6),
            "amount_out": round(amount * price * held / (held + amount), 6),
            "price_impact": round(amount / (held + amount), 12),
        }
        for asset, price, held in (("WETH", 1_800.0, 5_000.0), ("USDT", 1.0, 1e7))
        for index, amount in enumerate(np.geomspace(held / 1000, held / 2, 40))
    ]
    file = run(write(tmp_path / "quotes.csv", rows), kind="quotes", source="desk").file
    return [file.dataset.name, 1]


def find(names, quotes, *, stated=None, modelled=None, at=None) -> depths.Depths:
    price = np.array([{"WETH": 1_800.0, "WSTETH": 2_000.0}.get(name.upper(), 1.0) for name in names])
    return depths.find_depths(names, price=price, stated=stated or {}, quotes=quotes, modelled=modelled or {}, at=at)


@pytest.mark.django_db
def test_quotes_give_a_curve_that_sells_as_they_say(quotes) -> None:
    found = find(("WETH", "USDT", "USDC", "DAI"), quotes)
    curve = found.curves[0]
    sold = 1_000 * 1_800.0
    proceeds = np.interp(sold, np.append(0.0, curve.sold), np.append(0.0, curve.proceeds))
    assert proceeds == pytest.approx(sold * 5 / 6, rel=5e-3)
    assert found.usd[0] == pytest.approx(5_000 * 1_800.0, rel=2e-2)
    assert set(found.curves) == {0, 1}
    assert np.isinf(found.usd[2:]).all()
    assert found.sources[0] == "quotes/desk of WETH, 2023-11-14"
    assert (found.sources[2], found.sources[3]) == (
        "quotes are counted in it: sales do not move it",
        "pegged: sales do not move it",
    )


@pytest.mark.django_db
def test_an_asset_may_be_sold_as_deep_as_another_or_as_a_person_says(quotes) -> None:
    found = find(("WETH", "WSTETH", "LINK"), quotes, stated={"WSTETH": "eth", "WETH": "3e6"}, modelled={"LINK": 7e5})
    assert (found.usd[0], found.usd[2], set(found.curves)) == (3e6, 7e5, {1})
    assert found.usd[1] == pytest.approx(5_000 * 2_000.0, rel=2e-2)
    assert found.sources == ("stated", "quotes/desk of WETH, 2023-11-14", "the market's model")
    assert found.notes[0].startswith("WSTETH is as deep as WETH: it is sold into a pool of its own")
    halved = found.scaled(np.array([0.5, 0.5, 1.0]))
    assert halved.usd.tolist() == [1.5e6, found.usd[1] / 2, 7e5]
    assert (halved.curves[1].sold == found.curves[1].sold / 2).all()


@pytest.mark.django_db
def test_quotes_that_are_later_than_the_book_are_told_and_earlier_ones_preferred(quotes) -> None:
    before, during, after = 1_690_000_000, 1_700_000_019, 1_710_000_000
    blind = find(("WETH", "USDC"), quotes, at=before).notes
    assert len(blind) == 1
    assert blind[0].startswith("DEPTH IS OF LATER: the quotes of WETH were made on 2023-11-14, after 2023-07-22, when")
    assert find(("WETH", "USDC"), quotes, at=after).notes == ()
    assert find(("WETH", "USDC"), quotes).notes[0].startswith("Depth is that of 2023-11-14, when the quotes were made")
    known, whole = find(("WETH",), quotes, at=during), find(("WETH",), quotes, at=after)
    assert known.notes == ()
    assert known.curves[0].sold[-1] < whole.curves[0].sold[-1]  # the largest quotes were made last


@pytest.mark.parametrize(
    "debts", [("WETH", "ETH"), ("cbETH", "ETH"), ("tBTC", "BTC"), ("LINK", "LINK"), ("DAI", "DAI")]
)
def test_families_of_assets(debts) -> None:
    assert likeness.family(debts[0]) == debts[1]


def test_a_constant_product_as_a_table_sells_like_one() -> None:
    table, plain = families.constant_product(2e6), 2e6
    for sold in (1e3, 1e5, 7e5, 4e6, 1e8):
        pool = CascadeProblem.market(_one_asset(curves={0: table})).pool
        assert exchange.trade(pool, 0, 1.0, 0.0, sold) == pytest.approx(plain * sold / (plain + sold), rel=1e-3)
        assert exchange.shift(pool, 0, 1.0, sold) == pytest.approx(2 * np.log1p(sold / plain), abs=0.011)
        assert exchange.trade(pool, 0, 1.0, 0.0, -sold) == -sold
        assert exchange.shift(pool, 0, 1.0, -sold) == 0


def _one_asset(**said) -> CascadeProblem:
    problem = samples.problem(count=1)
    return replace(problem, depth=np.full_like(problem.depth, np.inf), **said)


def staked(*, ether: float, dollars: float) -> list:
    rows = []
    for index in range(20):
        account, value = f"0x{index + 1:040x}", 10.0 * 1_800.0 * 0.8 / (1.01 + 0.01 * index)
        rows.append(leg(account, "STETH", "collateral", 10.0, price=1_800.0))
        rows += [leg(account, "WETH", "debt", round(value * ether / 1_800.0, 6))] if ether else []
        rows += [leg(account, "USDC", "debt", round(value * dollars, 2))] if dollars else []
    return rows


STAKED = ("--parameters", "STETH=0.8,0.05", "--parameters", "WETH=0.8,0.05", "--depth", "WETH=3e5", "--depth")


@pytest.mark.django_db
def test_staked_ether_is_swapped_for_the_ether_that_it_backs(tmp_path) -> None:
    name = book(tmp_path, rows=staked(ether=1.0, dollars=0.0))
    crash = tmp_path / "crash.json"
    steps = [{"hour": 0, "asset": "STETH", "change": -0.05}]
    crash.write_text(json.dumps({"title": "Apart", "hours": 24, "steps": steps, "unpegged": ["STETH"]}))
    words = ("--book", name, *STAKED, "STETH=3e5", "--scenario", str(crash))
    found = simulate(*words)
    rounds = found["narrative"]["rounds"]
    assert len(rounds) > 1
    assert all(one["impact"].get("WETH", 0.0) == 0.0 for one in rounds)
    assert min(one["impact"].get("STETH", 0.0) for one in rounds) < -0.01
    assert any(
        "100\N{NO-BREAK SPACE}% of the debt in WETH that other assets back is" in n for n in found["assumptions"]
    )
    (peg,) = found["narrative"]["pegs"]
    assert (peg["asset"], peg["base"]) == ("STETH", "WETH")
    assert peg["deviation"] < 0.95 * (1 + min(one["impact"].get("STETH", 0.0) for one in rounds)) - 1 + 1e-9
    assert "Sales and prices took STETH up to" in "\n".join(text.rounds(found))


@pytest.mark.django_db
def test_ether_that_is_owed_against_dollars_is_bought_for_dollars(tmp_path) -> None:
    few = posed(tmp_path, "few", staked(ether=0.9, dollars=0.1))
    assert np.isinf(few.depths.usd[few.book.symbols.index("WETH")])
    assert few.depths.sources[few.book.symbols.index("WETH")] == "stated, $300k where it is sold"
    looped = [leg("0xdef", "WETH", "collateral", 1e3), leg("0xdef", "WETH", "debt", 700.0)]
    own = posed(tmp_path, "own", [*staked(ether=0.9, dollars=0.1), *looped])
    assert np.isinf(own.depths.usd[own.book.symbols.index("WETH")])  # what backs itself is no purchase
    rows = staked(ether=0.5, dollars=0.0)
    rows += [leg("0xabc", "USDC", "collateral", 1e6), leg("0xabc", "WETH", "debt", 400.0)]
    many = posed(tmp_path, "many", rows)
    at = many.book.symbols.index("WETH")
    assert many.depths.usd[at] == 3e5
    assert at not in many.depths.curves
    assert not any("liquidators swap" in note for note in many.notes)


def posed(folder, source: str, rows):
    name = book(folder, source=source, rows=rows)
    words = ("--book", name, *STAKED, "STETH=3e5", "--parameters", "USDC=0.85,0.04", "--scenario", "flash-crash-4")
    return KIND.inputs(KIND.request(options(*words)))


@pytest.mark.django_db
def test_which_quotes_are_read_must_be_clear(quotes, tmp_path) -> None:
    assert depths.choose_quotes("") == quotes
    assert depths.choose_quotes("desk") == quotes
    rows = [{"ts": 1, "sold": "A", "bought": "B", "amount_in": 1, "amount_out": 1, "price_impact": 0.1}]
    run(write(tmp_path / "more.csv", rows), kind="quotes", source="more")
    with pytest.raises(InputError, match="Say with --quotes which quotes tell the depth; there are: desk, more"):
        depths.choose_quotes("")


def test_quantiles_weigh_paths() -> None:
    growth = np.array([1.0, 2.0, 3.0, 4.0])[:, None, None]
    even = telling._quantiles(growth, np.ones(4))[:, 0, 0]
    assert even.tolist() == [1.0, 2.0, 4.0]
    heavy = telling._quantiles(growth, np.array([0.01, 0.01, 0.01, 9.0]))[:, 0, 0]
    assert heavy.tolist() == [4.0, 4.0, 4.0]


def joined(liquidated, *, streak, calm, weights=None) -> Joined:
    tally = tables.blank(paths=len(liquidated), assets=1, protocols=1)
    tally.parts[:, 0, tables.LIQUIDATED] = liquidated
    tally.course[:, tables.STREAK - tables.PARTS] = streak
    still = tables.blank(paths=len(liquidated), assets=1, protocols=1)
    still.parts[:, 0, tables.LIQUIDATED] = calm
    return Joined(tally=tally, calm=still, weights=weights, precise=None)


def test_the_path_that_is_told_is_the_median_cascade() -> None:
    limits = Limits(amplification=1.5, rounds=3)
    found = joined([0, 5, 50, 30, 40, 900], streak=[0, 9, 3, 3, 3, 2], calm=[0, 5, 10, 10, 10, 10])
    assert telling.typical(found, limits)[0] == 4
    weighted = replace(found, weights=np.array([1.0, 1.0, 1.0, 9.0, 1.0, 1.0]))
    assert telling.typical(weighted, limits)[0] == 3
    none = joined([0, 5, 7, 9], streak=[0, 1, 1, 1], calm=[0, 5, 7, 9])
    path, how = telling.typical(none, limits)
    assert (path, "the paths with liquidations" in how) == (2, True)
    assert telling.typical(joined([0, 0], streak=[0, 0], calm=[0, 0]), limits) == (
        0,
        "Path 0; no path has a liquidation.",
    )


@pytest.mark.django_db
def test_units_of_paths_cover_all_paths_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(cutting, "FIRST", 10)
    words = ("--book", book(tmp_path), *BONUS, *DEPTH, *SEVERE, "--paths", "75", "--precise", "0.1", "--chunks", "4")
    request = KIND.request(options(*words))
    posed = KIND.inputs(request)
    assert cutting.stages(request, posed) == ((0, 10), (10, 20), (20, 40), (40, 75))
    units = cutting.units(request, posed)
    assert len(units) == 16
    assert units["paths-2-03"] == tuple(name for name in units if name < "paths-2")
    for stage in cutting.stages(request, posed):
        pieces = cutting._chunks(stage, 4)
        assert [row for first, last in pieces for row in range(first, last)] == list(range(*stage))


@pytest.mark.django_db
def test_weights_of_paths_are_carried_through(tmp_path) -> None:
    words = ("--book", book(tmp_path), *BONUS, *DEPTH, *SEVERE, "--paths", "64", "--chunks", "3")
    request = KIND.request(options(*words))
    posed = KIND.inputs(request)

    class Tilted:
        """The same world with weights."""

        def __getattr__(self, name):
            return getattr(posed.world, name)

        def draw(self, first, count) -> Draw:
            weights = 0.5 + (np.arange(first, first + count) % 4) / 3.0
            return Draw(growth=posed.world.draw(first, count).growth, weights=weights)

    tilted = replace(posed, world=Tilted())
    done = {
        unit: cutting.compute(unit, request=request, posed=tilted, done={}, tick=lambda: None)
        for unit in cutting.units(request, tilted)
    }
    found = cutting.join(request, tilted, done)
    assert found.weights.tolist() == tilted.world.draw(0, 64).weights.tolist()
    outcome = found.outcome(tilted, reserve=None, limits=Limits())
    assert outcome.effective_paths < 64
    events = found.tally.totals[:, tables.EVENTS]
    figures = result._figures(outcome, tilted, found)
    assert figures["events"] == pytest.approx(np.average(events, weights=found.weights))
    assert figures["events"] != pytest.approx(events.mean(), rel=1e-6)
    told = telling.contributions(tilted, found, tick=lambda: None)
    assert told["total"] == pytest.approx(outcome.bad_debt.es99.value)


@pytest.mark.django_db
def test_receipts_pass_losses_on(tmp_path) -> None:
    first = book(tmp_path)
    rows = [leg("0xb", "AUSDC", "collateral", 50_000.0, price=1.0), leg("0xb", "WETH", "debt", 23.0)]
    second = book(tmp_path, source="second", rows=rows)
    words = ("--book", first, "--beside", second, *BONUS, *DEPTH, "--parameters", "AUSDC=0.85,0.05")
    receipt = ("--like", "AUSDC=USD", "--depth", "AUSDC=inf", "--receipt", "aUSDC=desk:WETH")
    told = simulate(*words, *receipt, *SEVERE, "--paths", "40")["contagion"]
    assert set(told["receipts"]["haircut"]) == {"AUSDC"}
    assert set(told["debt_rank"]) == {first, second}
    assert told["receipts"]["settled"]


def test_two_tokens_of_one_name_stay_two() -> None:
    assert markets.distinct(("WETH", "USDC", "usdc", "ETH")) == ("WETH", "USDC", "usdc-2", "ETH-2")


def test_ether_is_wrapped_ether() -> None:
    assert symbols.key(" eth ") == symbols.key("WETH") == "WETH"
    assert symbols.column(("USDC", "WETH"), "ETH", field="heat") == 1
    assert symbols.pairs(["ETH=1 dai=2"], field="price", right="A=B") == {"WETH": "1", "DAI": "2"}
    with pytest.raises(InputError, match="--price is x; write a number"):
        symbols.positive("x", field="price")
