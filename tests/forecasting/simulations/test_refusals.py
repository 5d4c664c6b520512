"""What cannot be simulated is refused, naming the item, before anything is stored."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from forecasting.backtests.bench import settled
from forecasting.models import BacktestRun
from forecasting.simulations import bounds
from forecasting.simulations.kind import KIND
from governance.errors import GapInData, InputError, StaleData
from tests.forecasting.imports.files import START, candles, run, ticks, write
from tests.forecasting.simulations.stage import BONUS, DEPTH, book, leg, legs, options, simulate

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
        (("--reserve", "-1"), "--reserve is -1.0; it must be more than 0 and at most 1,000,000,000,000,000"),
        (("--reserve", "nan"), "--reserve is nan"),
        (("--reserve", "1e300"), r"--reserve is 1e\+300"),
        (("--precise", "0"), "--precise is 0.0; it must be more than 0 and at most 1"),
        (("--oracle", "1,2"), "--oracle is 1,2; write HOURS,FRACTION,HOURS"),
        (("--oracle", "0,0,0"), "--oracle is 0,0,0: its heartbeat is 0; it must be more than 0"),
        (("--oracle", "1e308,1e308,1e308"), r"its heartbeat is 1e\+308; it must be more than 0 and at most 1,000,000"),
        (("--oracle", "1,1e20,0"), r"its deviation is 1e\+20; it must be 0 to 100"),
        (("--oracle", "1,0.01,1e20"), r"its latency is 1e\+20; it must be 0 to 2,160"),
        (("--oracle", "1,0.01,2000"), "a latency of 2000 hours; no report would count within a path of"),
        (("--withdrawal", "x,2"), "--withdrawal is x,2; write SHARE,HOURS"),
        (("--withdrawal", "1e308,1e-308"), r"its share is 1e\+308; it must be 0 to 20"),
        (("--withdrawal", "1,1e-308"), "its half-life is 1e-308; it must be 0.01 to 1,000,000"),
        (("--depth", "WETH=1e-300"), "--depth WETH=1e-300 cannot be computed with; it must be 1 to .*, or inf USD"),
        (("--depth", "WETH=1e300"), "--depth WETH=1e300 cannot be"),
        (("--price", "WETH=1e300"), "--price WETH=1e300 cannot be"),
        (("--capital", "-5"), "--capital is -5.0; it must be 0 to .*, or inf"),
        (("--capital", "1e300"), r"--capital is 1e\+300"),
        (("--delay-hours", "1e20"), r"--delay-hours is 1e\+20; it must be 0 to 2,160"),
        (("--profit-floor", "inf"), "--profit-floor is inf; it must be 0 to 10"),
        (("--close-factor", "1.5"), "--close-factor is 1.5; it must be 0 to 1"),
        (("--fixed-cost", "inf"), "--fixed-cost is inf; it must be 0 to 1,000,000,000"),
        (("--half-life-hours", "0"), "--half-life-hours is 0.0; it must be 0.01 to 1,000,000"),
        (("--amplification", "inf"), "--amplification is inf; it must be 1 to 1,000,000"),
        (("--rounds", "0"), "--rounds is 0; it must be 1 to 2,160"),
        (("--seed", "-1"), "--seed is -1; it must be 0 to"),
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reserve", 1e300),
        ("amplification", math.inf),
        ("rounds", 0),
        ("half_life_hours", 0.0),
        ("fixed_cost", math.inf),
    ],
)
def test_a_refused_number_names_its_own_field_before_any_book_is_read(name, value) -> None:
    with pytest.raises(InputError) as caught:
        KIND.request({"book": "nobody", name: value})
    assert (caught.value.facts["field"], caught.value.facts["value"]) == (name, value)


@pytest.mark.parametrize("name", ["paths", "chunks", "hours"])
def test_the_size_is_refused_before_any_book_is_read(name) -> None:
    with pytest.raises(InputError, match=f"--{name} is 0; use 1 to"):
        KIND.request({"book": "nobody", name: 0})


def test_what_is_accepted_at_its_largest_comes_back_as_it_was_asked(desk) -> None:
    largest = {name: bound.high for name, bound in bounds.BOUNDS.items() if name not in {"seed", "rounds"}}
    words = [word for name, value in largest.items() for word in (bounds.flag(name), repr(value)) if name != "precise"]
    request = KIND.request(options("--book", desk, *BONUS, *DEPTH, *CRASH, *words, "--oracle", "1e6,100,24"))
    assert settled(request) == request
    assert isinstance(request["market"]["crew"]["capital"], float)
    assert all(isinstance(value, float) for value in settled(request)["market"]["oracle"])


def test_the_most_extreme_market_that_is_accepted_can_be_computed(desk) -> None:
    words = ("--depth", "WETH=1", "--depth", "WBTC=1e15", "--withdrawal", "20,0.01", "--oracle", "1e-300,100,10")
    found = simulate("--book", desk, *BONUS, *words, *CRASH, "--half-life-hours", "0.01", "--fixed-cost", "1e9")
    assert found["bad_debt"]["mean"]["value"] >= 0.0
    assert found["liquidated"]["mean"]["value"] == 0.0


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


def test_an_account_that_is_years_old_is_named(tmp_path, prices) -> None:
    fresh, old = END - timedelta(hours=2), END - timedelta(days=700)
    rows = [row | {"timestamp": (old if row["user"].endswith("5") else fresh).isoformat()} for row in legs()]
    words = ("--book", book(tmp_path, rows=rows), *BONUS, *DEPTH, "--prices", prices, "--hours", "24")
    likely = (*words, "--scenario", "filtered")
    with pytest.raises(StaleData, match=rf"^0x0*5 of positions/desk is of {old:%Y-%m-%d}.*, and the prices end at"):
        pose(*likely)
    notes = [note for note in pose(*likely, "--at", END.isoformat()).notes if "as if it stood" in note]
    count = len({row["user"] for row in rows if row["user"].endswith("5")})
    assert len(notes) == 1
    assert f"{old:%Y-%m-%d}" in notes[0]
    assert f"{count} of its 31 accounts of another time" in notes[0]


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
    assert not any("today" in note for note in found.notes)


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
