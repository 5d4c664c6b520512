"""The real books of June 2023 in crashes of other years: every account is there, and the story is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from forecasting.simulations import statement
from forecasting.simulations.kind import KIND
from tests.forecasting.imports.files import run
from tests.forecasting.simulations.stage import options, simulate

MARKET = Path(__file__).resolve().parents[4] / "shared" / "data" / "market"
WANTED = (
    *("--as", "WBTC/USDC", "--at", "2023-06-12"),
    *(
        word
        for name in ("STETH=,0.075", "WSTETH=,0.07", "CBETH=,0.075", "RETH=,0.075")
        for word in ("--parameters", name)
    ),
    *(word for name in ("WETH=,0.05", "WBTC=,0.065", "USDC=,0.04", "DAI=,0.05") for word in ("--parameters", name)),
)
BOOKS = {
    "v2_steth": (1_309, ("--depth", "STETH=WSTETH")),
    "v3_wsteth": (502, ("--depth", "CBETH=WSTETH", "--depth", "RETH=WSTETH")),
    "v2_multi_asset": (63, ("--depth", "STETH=WSTETH")),
    "v3_multi_asset": (13, ("--depth", "CBETH=WSTETH", "--depth", "RETH=WSTETH", "--depth", "STETH=WSTETH")),
}
REPLAYS = ("march-2020", "may-2021", "august-2024")

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not MARKET.is_dir(), reason="real files are not part of the project; expected in ../shared/data/market"
    ),
]


@pytest.fixture
def market() -> None:
    """Import hourly prices, quotes and the four books."""
    run(MARKET / "prices_1h.parquet", source="hourly")
    run(MARKET / "oneinch_quotes_2023-11-20.parquet", kind="quotes", source="oneinch")
    for name in BOOKS:
        run(MARKET / f"positions_aave_{name}_2023-06.csv", kind="positions", source=name.replace("_", "-"))


def test_replays_of_three_crashes_finish_with_their_story_on_all_four_books(market) -> None:
    for name, (accounts, depth) in BOOKS.items():
        source = name.replace("_", "-")
        for replay in REPLAYS:
            found = simulate("--book", source, *WANTED, *depth, "--scenario", replay)
            told = found["narrative"]
            assert found["book"]["accounts"] == accounts
            assert bool(told["rounds"]) == (found["liquidated"]["maximum"] > 0)
            assert told["rounds"] or accounts == 13  # the smallest book got through August 2024
            assert told["events_total"] == sum(one["liquidations"] for one in told["rounds"])
            assert sum(one["repaid"] for one in told["rounds"]) == pytest.approx(found["liquidated"]["mean"]["value"])
            assert all(one["why"] for one in told["rounds"])
            assert found["scenario"]["from"] < found["scenario"]["to"]


def test_books_have_the_published_totals_and_health_factors(market) -> None:
    for name, (_, depth) in BOOKS.items():
        source = name.replace("_", "-")
        posed = KIND.inputs(KIND.request(options("--book", source, *WANTED, *depth, "--scenario", "march-2020")))
        said, book = statement.read(source), posed.lenders[0].book
        unit = 1.0 if said.base == "USD" else book.price[book.symbols.index("WETH")]
        np.testing.assert_allclose(book.collateral @ book.price, said.total_held * unit, rtol=1e-9)
        np.testing.assert_allclose(book.debt @ book.price, said.total_owed * unit, rtol=1e-9)
        np.testing.assert_allclose(book.health_factors(), said.health, rtol=1.6e-4)  # a basis point of threshold


def test_a_real_book_in_likely_futures_has_the_same_bits_in_1_2_and_8_chunks(market) -> None:
    words = ("--book", "v3-wsteth", *WANTED, *BOOKS["v3_wsteth"][1], "--scenario", "filtered-tail", "--hours", "48")
    found = {simulate(*words, "--paths", "600", "--chunks", chunks)["result_hash"] for chunks in ("1", "2", "8")}
    assert len(found) == 1
