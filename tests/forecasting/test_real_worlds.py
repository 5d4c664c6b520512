"""Worlds from real prices: what the catalogue offers opens and says what it stands on, and the past is as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from forecasting import worlds
from forecasting.core import weighted
from governance.errors import InputError
from tests.forecasting.imports.files import run

MARKET = Path(__file__).resolve().parents[3] / "shared" / "data" / "market"
JUNE_2023 = 1_687_305_600  # about the time of the books of positions
BOOK = ("WETH", "wstETH", "WBTC", "USDC", "LINK")
PRICES = np.array([1_730.0, 1_950.0, 26_900.0, 1.0, 5.3])
FALLS = {  # how far ether and bitcoin had fallen at the worst hour's end
    "march-2020": (-0.5035, -0.4794),
    "may-2021": (-0.4370, -0.2596),
    "june-2022": (-0.4945, -0.4085),
    "november-2022": (-0.2969, -0.2466),
    "august-2024": (-0.2326, -0.1795),
}
GAINS = {24: 3.5, 168: 1.8}  # by which the error of ES99 falls at least, by hours

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not MARKET.is_dir(), reason="real prices are not part of the project; expected in ../shared/data/market"
    ),
]


@pytest.fixture
def hourly() -> None:
    """Import the hourly prices of thirteen assets."""
    run(MARKET / "prices_1h.parquet", source="hourly")


def opened(text: str, *, assets=BOOK, **said):
    scenario = worlds.scenario(text, assets=assets, source="hourly", at=JUNE_2023, **said)
    return worlds.open_world(scenario, symbols=assets, prices=PRICES[: len(assets)])


@pytest.mark.usefixtures("hourly")
def test_what_the_catalogue_offers_opens() -> None:
    entries = worlds.catalogue()
    assert [entry.name for entry in entries if not entry.available] == ["october-2025"]
    for entry in entries:
        if entry.available and entry.kind != "historical":
            world = opened(entry.name.replace("ASSET", "wstETH"))
            growth = world.draw(0, 50).growth
            assert growth.shape == (50, round(world.hours / world.step_hours), 5)
            assert (growth > 0).all()
            assert (growth[:, :, 3] == 1.0).all()
    for name, falls in FALLS.items():
        world = opened(name, likenesses={"LINK": "ETH"})
        growth = world.draw(0, 1).growth[0]
        start = np.vstack([np.ones(5), growth])
        assert start.min(axis=0)[[0, 2]] - 1 == pytest.approx(falls, abs=0.02)
        assert world.deterministic
    with pytest.raises(InputError, match="March 2023 was about USDC"):
        opened("march-2023", likenesses={"LINK": "ETH"})


@pytest.mark.usefixtures("hourly")
def test_the_first_day_is_at_the_forecast_level() -> None:
    scenario = worlds.scenario("filtered", assets=("WETH", "WBTC"), source="hourly", at=JUNE_2023, hours=24)
    logs = np.log(worlds.open_world(scenario, symbols=("WETH", "WBTC"), prices=PRICES[[0, 2]]).draw(0, 8000).growth)
    squares = (np.diff(logs, axis=1, prepend=0.0) ** 2).sum(axis=1)
    for column, asset in enumerate(("ETH", "BTC")):
        level = scenario["levels"][asset]["1d"] ** 2 / 365
        error = squares[:, column].std() / np.sqrt(8000)
        assert abs(squares[:, column].mean() - level) < 4 * error < 0.2 * level


@pytest.mark.usefixtures("hourly")
def test_the_tail_has_less_error_and_the_same_value() -> None:
    book = ("WETH", "WBTC")
    for hours, gain in GAINS.items():
        plain, tail = (opened(text, assets=book, hours=hours) for text in ("filtered", "filtered-tail"))
        falls = plain.draw(200_000, 10_000).growth.mean(axis=2).min(axis=1)
        strike = np.quantile(falls, 0.02)
        found = {}
        for name, world in (("plain", plain), ("tail", tail)):
            runs = []
            for start in range(0, 30_000, 1000):
                drawn = world.draw(start, 1000)
                losses = np.maximum(strike - drawn.growth.mean(axis=2).min(axis=1), 0.0)
                runs.append(weighted.summarise(losses, drawn.weights).es99.value)
            found[name] = np.mean(runs), np.std(runs)
        error = np.hypot(found["plain"][1], found["tail"][1]) / np.sqrt(30)
        assert abs(found["plain"][0] - found["tail"][0]) < 4 * error
        assert found["plain"][1] > gain * found["tail"][1]
