"""What cannot be simulated is refused, naming the item, before anything is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from forecasting.models import BacktestRun
from forecasting.simulations.kind import KIND
from governance.errors import GapInData, InputError, StaleData
from tests.forecasting.imports.files import START, candles, run, ticks, write
from tests.forecasting.simulations.stage import BONUS, DEPTH, book, leg, legs, options

pytestmark = pytest.mark.django_db

ALLOWED = ("wrong-numeraire", "implausible-data", "off-grid", "before-token")
CRASH = ("--scenario", "flash-crash-10")
END = START + timedelta(hours=210 * 24)


@pytest.fixture
def desk(tmp_path) -> str:
    return book(tmp_path)


@pytest.fixture
def prices(tmp_path) -> str:
    """Import 210 days of hourly bars of ether and bitcoin, which end at `END`."""
    for asset, start, seed in (("ETH", 1_800.0, 1), ("BTC", 27_000.0, 2)):
        rows = candles(210 * 24, minutes=60, start=start, seed=seed)
        run(write(tmp_path / f"{asset}.csv", rows), source="exchange", asset=asset)
    return "exchange"


def pose(*words: str):
    return KIND.inputs(KIND.request(options(*words)))


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("--depth", "WBTC=0"), "--depth WBTC=0 is neither USD"),
        (("--depth", "WBTC=deep"), "--depth WBTC=deep is neither USD"),
        (("--depth", "WETH"), "is not ASSET=USD"),
        (("--depth", "WETH=1 ETH=2"), "--depth ETH=2 is not ASSET=USD, such as .*, once for each asset"),
        (("--depth", "LINK=1e6"), "--depth names LINK, which is not in the book; it has"),
        (("--price", "WETH=1800"), "--price WETH: the book prices it itself"),
        (("--like", "LINK=ETH"), "--like names LINK, which is not in the book"),
        (("--heat", "LINK"), "--heat names LINK, which is not in the book"),
        (("--explain", "0xnobody"), "no account of positions/desk begins so"),
        (("--paths", "0"), "--paths is 0; use 1 to"),
        (("--paths", "500", "--precise", "0.1"), "--paths is 500; use 2000 to .* with --precise"),
        (("--chunks", "0"), "--chunks is 0; use 1 to"),
        (("--hours", "0"), "--hours is 0; use 1 to"),
        (("--reserve", "-1"), "--reserve is -1.0; it must be a positive number"),
        (("--reserve", "nan"), "--reserve is nan"),
        (("--precise", "0"), "--precise is 0.0"),
        (("--oracle", "1,2"), "--oracle is 1,2; write HOURS,FRACTION,HOURS"),
        (("--withdrawal", "x,2"), "--withdrawal is x,2; write SHARE,HOURS"),
        (("--capital", "-5"), "Liquidators' capital is -5.0"),
        (("--close-factor", "1.5"), "--close_factor is 1.5; it must be 0 to 1"),
        (("--half-life-hours", "0"), "--half_life_hours is 0.0; it must be positive"),
        (("--rounds", "0"), "must be at least 1"),
        (("--at", "soon"), "--at is soon; write a time as"),
        (("--beside", "desk"), "is named twice"),
        (("--beside", "nobody"), "There is no book 'nobody'; there are: positions/desk"),
        (("--receipt", "aWETH=desk"), "is not TOKEN=BOOK:ASSET"),
        (("--receipt", "aWETH=other:WETH"), "there is no book other in this simulation; there are positions/desk"),
        (("--scenario", "yesterday"), "There is no scenario 'yesterday'"),
        (("--quotes", "nobody"), "There is no imported dataset nobody"),
    ],
)
def test_what_contradicts_itself_or_names_nothing(desk, words, match) -> None:
    depth = () if "--depth" in words else DEPTH
    with pytest.raises(InputError, match=match):
        pose("--book", "desk", *BONUS, *depth, *CRASH, *words)
    assert not BacktestRun.objects.exists()


def test_missing_depth_names_the_asset(desk) -> None:
    with pytest.raises(InputError, match=r"how deep the market of WBTC is: .* Add --depth WBTC=USD") as caught:
        pose("--book", desk, *BONUS, "--depth", "WETH=2e6", *CRASH)
    assert caught.value.facts["value"] == "WBTC"


def test_a_missing_price_names_the_asset_and_the_time(tmp_path, prices) -> None:
    rows = [row | {"price": ""} if row["asset"] == "WBTC" else row for row in legs()]
    name = book(tmp_path, rows=rows)
    words = ("--book", name, *BONUS, *DEPTH, *CRASH, "--prices", prices)
    with pytest.raises(InputError, match="positions/desk states no price of WBTC in USD, nor a time; say it with"):
        pose(*words)
    with pytest.raises(StaleData, match="no price of BTC within 6 hours before 2022-01-01"):
        pose(*words, "--at", "2022-01-01")
    priced = pose(*words, "--at", END.isoformat())
    stated = pose(*words, "--price", "WBTC=20000")
    at = priced.book.symbols.index("WBTC")
    assert priced.book.price[at] != stated.book.price[at] == 20_000


def test_a_price_that_no_series_has_is_asked_for(tmp_path, prices) -> None:
    rows = [row | {"asset": "RARE", "price": ""} if row["asset"] == "WBTC" else row for row in legs()]
    name = book(tmp_path, rows=rows)
    words = ("--book", name, *BONUS, "--parameters", "RARE=0.5,0.1", "--depth", "WETH=2e6", "--depth", "RARE=1e5")
    with pytest.raises(InputError, match="RARE"):
        pose(*words, *CRASH, "--prices", prices, "--at", END.isoformat())
    with pytest.raises(InputError, match="exchange has none; say it with --price RARE=USD"):
        pose(*words, *CRASH, "--prices", prices, "--at", END.isoformat(), "--like", "RARE=ETH")
    found = pose(*words, *CRASH, "--prices", prices, "--like", "RARE=ETH", "--price", "RARE=3")
    assert found.book.price[found.book.symbols.index("RARE")] == 3.0
    assert any("RARE moves as ETH" in note for note in found.notes)


def test_negative_balances_are_refused(tmp_path) -> None:
    rows = [*legs(), leg("0xbad", "WETH", "collateral", 1.0), leg("0xbad", "USDC", "debt", -5.0)]
    with pytest.raises(InputError, match="0xbad has a debt of -5 USDC; it must be at least 0"):
        pose("--book", book(tmp_path, rows=rows), *BONUS, *DEPTH, *CRASH)


def test_a_threshold_beyond_the_frontier_is_refused(desk) -> None:
    words = ("--book", desk, *BONUS[2:], *DEPTH, *CRASH, "--parameters")
    with pytest.raises(InputError, match=r"WETH has a threshold of 0.96 with a bonus of 0.05; it must be below"):
        pose(*words, "WETH=0.96,0.05")


def test_a_book_and_prices_of_different_times_are_refused(tmp_path, prices) -> None:
    likely = (*BONUS, *DEPTH, "--scenario", "filtered", "--prices", prices, "--hours", "24")
    timeless = book(tmp_path)
    with pytest.raises(
        StaleData, match=r"positions/desk is of a time that its file does not state, and the prices end"
    ):
        pose("--book", timeless, *likely)
    assert any("as if it stood at" in note for note in pose("--book", timeless, *likely, "--at", END.isoformat()).notes)
    for source, hours in (("old", -30), ("young", 30)):
        name = book(tmp_path, source=source, at=_micros(END + timedelta(hours=hours)))
        with pytest.raises(StaleData, match=f"positions/{source} is of .* at most 6 hours may lie between"):
            pose("--book", name, *likely)
    fresh = book(tmp_path, source="fresh", at=_micros(END - timedelta(hours=2)))
    assert not any("as if it stood" in note for note in pose("--book", fresh, *likely).notes)


def test_a_replay_takes_a_book_of_any_time_and_says_so(tmp_path) -> None:
    crash = datetime(2020, 3, 11, tzinfo=UTC)
    starts = {"ETH": 200.0, "BTC": 8_000.0}
    rows = [row for asset, start in starts.items() for row in ticks(120, asset=asset, start=start, first=crash)]
    run(write(tmp_path / "crash.csv", rows), source="crash")
    found = pose("--book", book(tmp_path), *BONUS, *DEPTH, "--scenario", "march-2020")
    assert any(
        "is of a time that its file does not state, at its own prices; it lives through" in n for n in found.notes
    )
    assert found.world.deterministic


def test_a_replay_takes_prices_of_no_fixed_moment_but_none_with_a_gap(tmp_path) -> None:
    crash = datetime(2020, 3, 11, tzinfo=UTC)
    words = ("--book", book(tmp_path), *BONUS, *DEPTH, "--scenario", "march-2020")
    late = [row for asset in ("WETH", "WBTC") for row in ticks(120, asset=asset, start=200.0, first=crash)]
    late = [row | {"time": row["time"] - 300 - 1_500 * (index % 2)} for index, row in enumerate(late)]
    run(write(tmp_path / "late.csv", late), source="late", allow=ALLOWED)
    assert KIND.request(options(*words))["scenario"]["dataset"]["name"] == "prices/late"
    more = [*late, *ticks(120, asset="USDC", start=1.0, seed=5, first=crash)]
    gap = [row for index, row in enumerate(more) if index % 120 not in {60, 61, 62}]
    run(write(tmp_path / "holes.csv", gap), source="holes", allow=ALLOWED)
    assert KIND.request(options(*words))["scenario"]["dataset"]["name"] == "prices/late"
    with pytest.raises(GapInData, match="There is no price of"):
        KIND.request(options(*words, "--prices", "holes"))


def test_nothing_to_simulate(tmp_path) -> None:
    with pytest.raises(InputError, match=r"Say whose book to simulate .* there are: none; see manage.py collect"):
        pose(*CRASH)
    book(tmp_path)
    assert pose(*BONUS, *DEPTH, *CRASH).names == ("positions/desk",)
    book(tmp_path, source="other")
    with pytest.raises(InputError, match="there are: positions/desk, positions/other"):
        pose(*CRASH)
    with pytest.raises(InputError, match="Name the book once"):
        pose("main", "--book", "desk")


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000
