"""Scenarios from what is imported or collected: complete, pinned, refused by name, opened again with the same bits."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting import worlds
from forecasting.core.realised import HOUR
from forecasting.core.worlds.replays import WINDOWS
from forecasting.models import ImportedPrice
from forecasting.worlds import frozen
from governance.errors import GapInData, InputError, StaleData
from tests.forecasting import rows
from tests.forecasting.imports.files import candles, run, walk, write

pytestmark = pytest.mark.django_db

ALLOW = ("wrong-numeraire", "implausible-data")
FIRST = datetime(2022, 11, 1, tzinfo=UTC)  # so that March 2023 is inside
DAYS = 230
BOOK = ("WETH", "wstETH", "WBTC", "USDC")
PRICES = np.array([1_800.0, 2_000.0, 28_000.0, 1.0])

KINDS = (
    *("filtered", "filtered-tail", "jump-4", "drift-5", "liquidity-5", "volatility-adverse", "flash-crash-4"),
    *("depeg-20:wstETH", "november-2022"),
)
REFUSED = [
    ("crash", {}, "There is no scenario 'crash'; there are: filtered, filtered-tail, march-2020"),
    ("filtered", {"assets": ()}, "The assets are none"),
    ("filtered", {"assets": ("WETH", "WETH")}, "name each once"),
    ("filtered", {"assets": ("USDC",)}, "Nothing in the book moves: USDC"),
    ("filtered", {"seed": -1}, "--seed -1"),
    ("filtered", {"hours": 0}, "--hours 0: this scenario has 1 to 2160 hours"),
    ("filtered", {"source": "nowhere"}, "no imported dataset nowhere"),
    ("filtered", {"source": "market/none"}, "no snapshot of a market 'none'"),
    ("may-2021", {"source": "market/none"}, "replayed from imported prices"),
    ("filtered", {"likenesses": {"CRV": "ETH"}}, "--like CRV=ETH: CRV is not in the book"),
    ("depeg-20", {}, "depeg-20 needs the pegged asset.*as in depeg-20:wstETH; the book has wstETH, USDC"),
    ("depeg-20:WETH", {}, "depeg-20 needs the pegged asset"),
    ("flash-crash-4:WETH", {}, "leave :WETH out"),
    ("drift-1:WETH", {}, "leave :WETH out"),
    ("volatility-severe", {"assets": ("WETH", "LATE")}, "LATE has no usable prices"),
]


@pytest.fixture(autouse=True)
def _forget() -> None:
    """Let no test find what another has learnt."""
    frozen.learnt.cache_clear()
    frozen.replayed.cache_clear()


def bring(tmp_path, asset: str, *, start: float, seed: int, hours=range(DAYS * 24), source: str = "desk") -> None:
    scale = 0.0002 if start == 1.0 else 0.006
    closes = walk(DAYS * 24, start=start, seed=seed, scale=scale)
    told = [
        {
            "ts": (FIRST + timedelta(hours=hour)).isoformat(),
            "open": closes[max(hour - 1, 0)],
            "high": max(closes[hour], closes[max(hour - 1, 0)]),
            "low": min(closes[hour], closes[max(hour - 1, 0)]),
            "close": closes[hour],
            "volume": 5 + hour % 11,
        }
        for hour in hours
    ]
    run(write(tmp_path / f"{source}-{asset}.csv", told), asset=asset, source=source, allow=ALLOW)


@pytest.fixture
def desk(tmp_path) -> None:
    """Import 230 days of ether and bitcoin, and of a token that came late."""
    bring(tmp_path, "ETH", start=1_500.0, seed=1)
    bring(tmp_path, "BTC", start=20_000.0, seed=2)
    bring(tmp_path, "LATE", start=7.0, seed=3, hours=range(190 * 24, DAYS * 24))


def asked(text: str, **said):
    return worlds.scenario(text, **{"assets": BOOK, "hours": None, "source": "desk", "seed": 3, **said})


def opened(scenario, symbols=BOOK):
    places = [BOOK.index(symbol) for symbol in symbols]
    return worlds.open_world(scenario, symbols=symbols, prices=PRICES[places])


@pytest.mark.usefixtures("desk")
def test_the_catalogue_says_what_is_there_and_what_is_missing() -> None:
    found = {entry.name: entry for entry in worlds.catalogue()}
    assert found["filtered"].available
    assert found["march-2023"].available
    assert found["november-2022"].hours == 96
    assert not found["october-2025"].available
    assert "Import prices of ether or bitcoin" in found["october-2025"].why
    assert {entry.kind for entry in found.values()} == {"filtered", "historical", "parametric"}
    assert found["depeg-20:ASSET"].available


def test_the_catalogue_of_nothing_still_has_what_needs_no_prices() -> None:
    assert [entry.name for entry in worlds.catalogue() if entry.available] == [
        *("volatility-adverse", "volatility-severe", "flash-crash-4", "flash-crash-10"),
        *("depeg-20:ASSET", "depeg-99:ASSET"),
    ]
    found = worlds.scenario("flash-crash-10", assets=BOOK)
    assert found["dataset"] is None
    assert opened(found).draw(0, 1).growth[0, 0] == pytest.approx([0.865, 0.865, 0.889, 1.0])


@pytest.mark.usefixtures("desk")
def test_every_kind_of_scenario_is_data_and_opens_with_the_same_bits() -> None:
    for text in KINDS:
        opens_again(text)


def opens_again(text: str) -> None:
    scenario = asked(text, hours=30)
    again = json.loads(json.dumps(scenario), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert again == scenario
    first = opened(scenario).draw(0, 12)
    frozen.learnt.cache_clear()
    frozen.replayed.cache_clear()
    world = opened(again)
    second = world.draw(0, 12)
    assert (first.growth == second.growth).all()
    assert first.growth.shape == (12, round(30 / world.step_hours), 4)
    assert (world.draw(5, 3).growth == first.growth[5:8]).all()
    assert (world.size == 1) == world.deterministic == bool((first.growth == first.growth[:1]).all())
    subset = opened(again, symbols=("WBTC", "WETH")).draw(0, 12).growth
    assert (subset == first.growth[:, :, [2, 0]]).all()
    assert (first.growth > 0).all()
    told = " ".join(scenario["assumptions"])
    assert "wstETH moves as ETH does (no prices of its own)." in told
    assert "USDC is worth what it is now" in told


@pytest.mark.usefixtures("desk")
def test_likely_paths_say_what_they_stand_on() -> None:
    found = asked("filtered", at=int((FIRST + timedelta(days=220)).timestamp()) + 5 * HOUR)
    assert found["as_of"] == int((FIRST + timedelta(days=220)).timestamp())
    assert found["columns"] == {"WETH": "ETH", "wstETH": "ETH", "WBTC": "BTC", "USDC": "USD"}
    assert found["dataset"]["name"] == "prices/desk"
    assert set(found["levels"]) == {"ETH", "BTC"}
    assert found["levels"]["ETH"]["7d"] == pytest.approx(0.006 * np.sqrt(8760), rel=0.15)
    assert "Volatility is what the league's champion forecasts" in found["assumptions"][2]
    growth = opened(found).draw(0, 40).growth
    assert (growth[:, :, 0] == growth[:, :, 1]).all()
    assert (growth[:, :, 3] == 1.0).all()


@pytest.mark.usefixtures("desk")
def test_too_little_history_is_said_and_priced_as_another_where_asked() -> None:
    with pytest.raises(
        InputError, match=r"prices/desk: LATE has no usable prices \(its prices cover 40 days\).*--like"
    ):
        worlds.scenario("filtered", assets=("WETH", "LATE"), source="desk")
    found = worlds.scenario("filtered", assets=("WETH", "LATE"), source="desk", likenesses={"LATE": "ETH"})
    assert found["columns"] == {"WETH": "ETH", "LATE": "ETH"}
    assert "LATE moves as ETH does, as was said." in found["assumptions"]


def test_what_wraps_a_pegged_asset_loses_with_it() -> None:
    found = worlds.scenario("depeg-99:stETH", assets=("stETH", "wstETH", "cbETH", "WETH"))
    world = worlds.open_world(found, symbols=found["columns"], prices=np.ones(4))
    assert world.draw(0, 1).growth[0, -1] == pytest.approx([0.01, 0.01, 1.0, 1.0])
    assert any("wstETH: -99.00%" in note for note in found["assumptions"])
    alone = worlds.scenario("depeg-99:wstETH", assets=("stETH", "wstETH"))
    assert set(alone["recipe"]["steps"]) == {"wstETH"}


@pytest.mark.usefixtures("desk")
def test_a_replay_is_what_was() -> None:
    window = WINDOWS["november-2022"]
    world = opened(asked("november-2022"))
    closes = walk(DAYS * 24, start=1_500.0, seed=1, scale=0.006)
    start = (window.first - int(FIRST.timestamp())) // HOUR
    expected = np.array(closes[start : start + 96]) / closes[start - 1]
    assert world.deterministic
    assert world.draw(0, 1).growth[0, :, 0] == pytest.approx(expected, rel=1e-12)
    assert (asked("november-2022")["from"], asked("november-2022", hours=5)["to"]) == (
        window.first,
        window.first + 5 * HOUR,
    )


@pytest.mark.usefixtures("desk")
def test_a_replay_that_prices_do_not_cover_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="March 2023 was about USDC, and no imported prices of USDC cover it"):
        asked("march-2023")
    assert "as was said" in asked("march-2023", likenesses={"USDC": "USD"})["assumptions"][-1]
    bring(tmp_path, "USDC", start=1.0, seed=8, source="pegs")
    bring(tmp_path, "ETH", start=1_500.0, seed=1, source="pegs")
    assert worlds.scenario("march-2023", assets=("WETH", "USDC"))["columns"] == {"WETH": "ETH", "USDC": "USDC"}
    with pytest.raises(GapInData, match=r"No imported prices cover May 2021 \(2021-05-18 00:00 UTC"):
        asked("may-2021")
    with pytest.raises(InputError, match="--hours 97: this scenario has 1 to 96 hours"):
        asked("november-2022", hours=97)
    gone = [hour for hour in range(DAYS * 24) if hour != 24 * 7 + 30]
    bring(tmp_path, "ETH", start=1_500.0, seed=1, hours=gone, source="holed")
    with pytest.raises(GapInData, match="No imported prices cover November 2022"):
        worlds.scenario("november-2022", assets=("WETH",), source="holed")


@pytest.mark.usefixtures("desk")
def test_of_several_sources_the_one_that_knows_most_is_taken(tmp_path) -> None:
    bring(tmp_path, "ETH", start=1_500.0, seed=1, source="only-ether")
    assert worlds.scenario("filtered", assets=BOOK)["dataset"]["name"] == "prices/desk"
    bring(tmp_path, "WETH", start=1_500.0, seed=1, source="old", hours=range(205 * 24))
    bring(tmp_path, "WBTC", start=20_000.0, seed=2, source="old", hours=range(205 * 24))
    assert worlds.scenario("filtered", assets=BOOK)["dataset"]["name"] == "prices/desk"
    then = int((FIRST + timedelta(days=205)).timestamp())
    assert worlds.scenario("filtered", assets=BOOK, at=then)["dataset"]["name"] == "prices/old"
    with pytest.raises(InputError, match="prices/only-ether: WBTC has no usable prices"):
        asked("filtered", source="only-ether")


@pytest.mark.usefixtures("desk")
def test_the_past_is_replayed_from_the_closest_prices(tmp_path) -> None:
    for asset, start in (("ETH", 1_600.0), ("BTC", 23_000.0)):
        told = candles(48 * 20, start=start)
        run(write(tmp_path / f"fine-{asset}.csv", told), asset=asset, source="fine", allow=ALLOW)
    found = asked("march-2023", source="", likenesses={"USDC": "USD"})
    assert (found["dataset"]["name"], found["step_hours"]) == ("prices/fine", 0.5)
    assert opened(found).draw(0, 1).growth.shape == (1, 144, 4)
    assert "within 30 minutes" in found["assumptions"][1]


@pytest.mark.usefixtures("desk")
def test_rows_that_changed_are_noticed() -> None:
    scenario = asked("filtered", hours=24)
    frozen.learnt.cache_clear()
    ImportedPrice.objects.filter(asset="BTC").order_by("timestamp")[50:51].get().delete()
    with pytest.raises(StaleData, match="no longer in the database"):
        opened(scenario)


@pytest.mark.usefixtures("desk")
def test_what_cannot_be_asked_is_refused_by_name() -> None:
    for text, said, match in REFUSED:
        with pytest.raises(InputError, match=match):
            asked(text, **said)


@pytest.mark.usefixtures("desk")
def test_a_stewards_file_becomes_data(tmp_path) -> None:
    file = tmp_path / "weekend.json"
    told = {
        "title": "Weekend",
        "hours": 30,
        "base": "filtered",
        "volatility_scale": 1.5,
        "steps": [{"hour": 3, "asset": "ETH", "change": -0.2}, {"hour": 3, "asset": "wstETH", "change": -0.1}],
        "unpegged": ["wstETH"],
        "depth_scale": {"WBTC": 0.5},
    }
    file.write_text(json.dumps(told))
    found = asked(str(file))
    file.unlink()
    assert (found["name"], found["title"], found["hours"], found["kind"]) == ("weekend", "Weekend", 30, "filtered")
    world, plain = opened(found), opened(asked("filtered", hours=30)).draw(0, 20).growth
    growth = world.draw(0, 20).growth
    assert world.depth_scale.tolist() == [1.0, 1.0, 0.5, 1.0]
    assert growth[:, :3, 0] == pytest.approx(plain[:, :3, 0] ** 1.5)
    assert growth[:, 3:, 0] == pytest.approx(plain[:, 3:, 0] ** 1.5 * 0.8)
    assert growth[:, 3:, 1] == pytest.approx(plain[:, 3:, 1] ** 1.5 * 0.9)
    file.write_text(json.dumps({**told, "base": "none", "volatility_scale": 1.5}))
    with pytest.raises(InputError, match="volatility_scale is"):
        asked(str(file))
    file.write_bytes(b"\xff")
    with pytest.raises(InputError, match="no UTF-8 text"):
        asked(str(file))


def test_a_stewards_steps_alone_need_no_prices(tmp_path) -> None:
    file = tmp_path / "gap.json"
    file.write_text(json.dumps({"title": "Gap", "hours": 3, "steps": [{"hour": 1, "asset": "ETH", "change": -0.5}]}))
    world = opened(worlds.scenario(str(file), assets=BOOK))
    assert world.deterministic
    assert world.draw(0, 1).growth[0].tolist() == [[1.0] * 4, [0.5, 0.5, 1.0, 1.0], [0.5, 0.5, 1.0, 1.0]]


@pytest.mark.usefixtures("desk")
def test_an_open_world_needs_its_own_columns_at_a_price() -> None:
    scenario = asked("flash-crash-4")
    with pytest.raises(InputError, match="LINK is not in the scenario, which was made for WETH"):
        worlds.open_world(scenario, symbols=("LINK",), prices=np.ones(1))
    with pytest.raises(InputError, match="The price of WETH is"):
        worlds.open_world(scenario, symbols=("WETH",), prices=np.zeros(1))


def test_a_market_draws_from_what_it_collected() -> None:
    taken = rows.market(days=130, slug="lab")
    rows.derive(taken)
    symbols = tuple(taken.deployment.reserves.order_by("index").values_list("symbol", flat=True))
    found = worlds.scenario("filtered", assets=symbols, hours=30, source="market/lab")
    assert found["dataset"]["name"] == "market/lab"
    assert found["columns"] == {symbol: symbol for symbol in symbols}
    assert found["levels"] == {}
    assert "too little history for the league's champion" in " ".join(found["assumptions"])
    assert "USDC, DAI: pegged" in " ".join(found["assumptions"])
    growth = worlds.open_world(found, symbols=symbols, prices=np.ones(5)).draw(0, 6).growth
    assert growth.shape == (6, 30, 5)
    crash = worlds.scenario("flash-crash-4", assets=symbols, source="market/lab")
    assert "volatility over ether's: TIDE" in crash["assumptions"][0]
