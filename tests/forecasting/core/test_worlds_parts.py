"""Likenesses, the stress table, what is laid over paths, and the past as one path."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from forecasting.core.bars import BarGrid
from forecasting.core.realised import HOUR
from forecasting.core.worlds import stress
from forecasting.core.worlds.base import DAYS, TILTS, uniforms, words
from forecasting.core.worlds.likeness import peg_of, resolve
from forecasting.core.worlds.moves import Changes, Drift, Jump
from forecasting.core.worlds.opened import Opened
from forecasting.core.worlds.replays import WINDOWS, path
from forecasting.core.worlds.sources import Diffusion, Fixed
from forecasting.core.worlds.tilts import Tilt
from governance.errors import GapInData, InputError


def opened(source, **changes) -> Opened:
    made = Opened(
        symbols=("WETH", "USDC", "wstETH"),
        title="T",
        what="W",
        assumptions=(),
        hours=4,
        step_hours=1.0,
        depth_scale=np.ones(3),
        columns=np.array([0, -1, 0]),
        source=source,
    )
    return dataclasses.replace(made, **changes)


def test_streams_and_paths_are_apart() -> None:
    numbers = words(seed=3, first=5, count=4, stream=DAYS, size=8)
    assert (numbers[2] == words(seed=3, first=7, count=1, stream=DAYS, size=8)[0]).all()
    assert (numbers[:, :3] == words(seed=3, first=5, count=4, stream=DAYS, size=3)).all()
    assert np.unique(np.concatenate([numbers, words(seed=3, first=5, count=4, stream=TILTS, size=8)])).size == 64
    assert uniforms(np.array([[0, 2**64 - 1]], dtype=np.uint64)).tolist() == [[0.0, 1 - 2.0**-53]]


def test_assets_are_priced_as_themselves_first_then_by_the_table() -> None:
    found = resolve(
        ("weth", "wstETH", "WBTC", "DAI", "USDC", "LINK"),
        known=("ETH", "stETH", "WBTC", "DAI", "LINK", "SOL"),
        said={"LINK": "sol"},
        short={"USDC": "its prices have gaps of 21%"},
    )
    assert {column.symbol: column.of for column in found} == {
        "weth": "ETH",
        "wstETH": "stETH",
        "WBTC": "WBTC",
        "DAI": "DAI",
        "USDC": "USD",
        "LINK": "SOL",
    }
    assert [column.why for column in found] == [
        "weth moves as ETH does (no prices of its own).",
        "wstETH moves as stETH does (no prices of its own).",
        "",
        "",
        "USDC is worth what it is now, in USD, throughout (its prices have gaps of 21%).",
        "LINK moves as SOL does, as was said.",
    ]


def test_a_likeness_may_be_to_the_dollar_or_by_another_name() -> None:
    found = resolve(("LINK", "FOO"), known=("WETH",), said={"LINK": "ETH", "FOO": "usd"})
    assert [column.of for column in found] == ["WETH", "USD"]


@pytest.mark.parametrize(
    ("symbols", "said", "match"),
    [
        (
            ("WETH", "MKR"),
            {},
            r"MKR has no usable prices \(its prices end on 2024-06-16\); there are prices of ETH.*--like",
        ),
        (("WETH",), {"CRV": "ETH"}, "--like CRV=ETH: CRV is not in the book, which has WETH"),
        (("WETH",), {"WETH": "MKR"}, "--like WETH=MKR: there are no usable prices of MKR; there are prices of ETH"),
    ],
)
def test_an_asset_that_nothing_prices_is_refused_by_name(symbols, said, match: str) -> None:
    with pytest.raises(InputError, match=match):
        resolve(symbols, known=("ETH",), said=said, short={"MKR": "its prices end on 2024-06-16"})


def test_pegs() -> None:
    assert [peg_of(name) for name in ("wstETH", "cbBTC", "USDC", "WETH", "BTC", "LINK")] == [
        "ETH",
        "BTC",
        "USD",
        "",
        "",
        "",
    ]


def test_the_table_has_the_published_numbers() -> None:
    sizes = stress.sized(("ETH", "WBTC", "USD", "LINK"), stress.CRASH[4], reach={"LINK": 1.5})
    assert sizes == {"ETH": -0.0556, "WBTC": -0.0435, "USD": 0.0, "LINK": pytest.approx(-0.0834)}
    assert stress.VOLATILITY["severe"]["ETH"] == pytest.approx(1.5 * stress.VOLATILITY["adverse"]["ETH"])
    assert set(stress.STRESSES) == {
        *("volatility-adverse", "volatility-severe", "drift-5", "drift-1", "flash-crash-4", "flash-crash-10"),
        *("jump-4", "jump-10", "depeg-20", "depeg-99", "liquidity-3.5", "liquidity-5", "liquidity-10"),
    }
    with pytest.raises(InputError, match=r"how LINK compares with ether.*--like LINK=ETH"):
        stress.sized(("LINK",), stress.CRASH[4], reach={})


def test_a_world_maps_columns_and_leaves_the_dollar_alone() -> None:
    world = opened(Fixed(path=np.array([[0.9], [0.8], [1.1], [1.0]])))
    drawn = world.draw(0, 2)
    assert (world.deterministic, world.size) == (True, 1)
    assert drawn.growth[:, :, 0].tolist() == [[0.9, 0.8, 1.1, 1.0]] * 2
    assert (drawn.growth[:, :, 1] == 1.0).all()
    assert (drawn.growth[:, :, 2] == drawn.growth[:, :, 0]).all()


def test_scale_drift_and_changes_are_laid_over() -> None:
    moves = (
        Drift(size=np.array([-0.1, 0.0, -0.1])),
        Changes(when=(1, 2), which=(2, 2), size=(-0.5, 1.0), assets=3),
    )
    world = opened(Fixed(path=np.array([[0.9], [0.8], [1.1], [1.0]])), scale=2.0, moves=moves)
    growth = world.draw(3, 1).growth[0]
    assert world.deterministic
    assert growth[:, 0] == pytest.approx(np.array([0.81, 0.64, 1.21, 1.0]) * np.exp([-0.1, -0.2, -0.3, -0.4]))
    assert growth[:, 2] / growth[:, 0] == pytest.approx([1.0, 0.5, 1.0, 1.0])
    assert (growth[:, 1] == 1.0).all()


def test_a_jump_is_joint_and_comes_once() -> None:
    jump = Jump(mean=np.array([-0.1, 0.0]), spread=np.array([0.02, 0.0]), alike=0.8, seed=4, columns=(0, 1, 0))
    world = opened(Fixed(path=np.ones((50, 1))), moves=(jump,))
    logs = np.log(world.draw(0, 4000).growth)
    assert (world.deterministic, world.size) == (False, None)
    assert (logs[:, :, 2] == logs[:, :, 0]).all()
    assert (logs[:, :, 1] == 0.0).all()
    moved = np.diff(np.concatenate([np.zeros((4000, 1)), logs[:, :, 0]], axis=1), axis=1)
    assert (np.count_nonzero(np.abs(moved) > 1e-12, axis=1) == 1).all()
    assert logs[:, -1, 0].mean() == pytest.approx(-0.1, abs=0.002)
    assert logs[:, -1, 0].std() == pytest.approx(0.02, rel=0.05)
    hours = np.abs(moved).argmax(axis=1)
    assert (hours.min(), hours.max()) == (0, 49)
    assert (world.draw(17, 3).growth == world.draw(0, 20).growth[17:]).all()


def test_jumps_of_two_assets_are_alike() -> None:
    jump = Jump(mean=np.zeros(2), spread=np.ones(2), alike=0.7, seed=4, columns=(0, 1))
    assert np.corrcoef(jump.logs(first=0, count=4000, steps=3)[:, -1].T)[0, 1] == pytest.approx(0.7, abs=0.05)


def test_a_diffusion_has_its_volatility_and_correlation() -> None:
    source = Diffusion(volatility=np.array([0.01, 0.02]), alike=0.85, steps=288, seed=1)
    logs = np.log(source.draw(0, 2000).growth)
    moves = np.diff(np.concatenate([np.zeros((2000, 1, 2)), logs], axis=1), axis=1)
    assert moves.std(axis=(0, 1)) == pytest.approx([0.01, 0.02], rel=0.01)
    assert np.corrcoef(moves.reshape(-1, 2).T)[0, 1] == pytest.approx(0.85, abs=0.005)
    assert (source.draw(11, 1).growth == source.draw(0, 12).growth[11:]).all()


def test_windows_are_whole_days() -> None:
    assert list(WINDOWS) == [
        *("march-2020", "may-2021", "june-2022", "november-2022", "march-2023", "august-2024", "october-2025")
    ]
    assert all(window.first % 86_400 == 0 and window.hours % 24 == 0 for window in WINDOWS.values())
    assert (WINDOWS["march-2020"].first, WINDOWS["march-2020"].hours) == (1_583_971_200, 72)


def grid(close: list[float]) -> BarGrid:
    values = np.array(close)[:, None]
    ends = HOUR * np.arange(1, values.size + 1, dtype=np.int64)
    return BarGrid(
        assets=("ETH",), span=HOUR, ends=ends, open=values, high=values, low=values, close=values, volume=values
    )


def test_the_past_is_one_path() -> None:
    found = path(grid([10.0, 20.0, 10.0, 30.0, 5.0]), first=2 * HOUR, last=4 * HOUR)
    assert found[:, 0].tolist() == [0.5, 1.5]
    with pytest.raises(GapInData, match="no price of ETH at 10800"):
        path(grid([10.0, 20.0, np.nan, 30.0]), first=2 * HOUR, last=4 * HOUR)
    with pytest.raises(GapInData, match="do not cover"):
        path(grid([10.0, 20.0]), first=2 * HOUR, last=4 * HOUR)


def test_tilted_days_are_the_deep_ones_and_weights_are_those_of_the_mixture() -> None:
    fall = -np.linspace(0.0, 1.0, 500)
    tilt = Tilt.of(fall)
    assert tilt.ratio.mean() == pytest.approx(1.0)
    assert (np.diff(tilt.ratio) > 0).all()
    grid_ = (np.arange(2000) + 0.5) / 2000
    days, _ = tilt.choose(grid_[:, None], np.full((2000, 2), 0.999))
    counts = np.bincount(days[:, 0], minlength=500) / 2000
    assert counts == pytest.approx(tilt.ratio / 500, abs=1 / 2000 + 1e-12)
    plain, weights = tilt.choose(grid_[:, None], np.full((2000, 2), 0.1))
    assert (plain[:, 0] == (grid_ * 500).astype(int)).all()
    assert weights == pytest.approx(1 / (0.3 + 0.7 * tilt.ratio[plain[:, 0]]))
