"""A steward's scenario: what makes sense is placed on the book, what contradicts itself is refused by name."""

from __future__ import annotations

import json

import pytest

from forecasting.core.worlds.likeness import resolve
from forecasting.core.worlds.placing import placed, scales
from forecasting.core.worlds.steward import read
from governance.errors import InputError

SYMBOLS = ("WETH", "wstETH", "WBTC", "USDC", "LINK")
COLUMNS = resolve(SYMBOLS, known=("ETH", "BTC", "LINK"), said={})
GOOD = {"title": "Weekend", "hours": 48, "steps": [{"hour": 0, "asset": "ETH", "change": -0.2}]}


def scenario(**changes):
    return json.dumps({**GOOD, **changes})


def steps(*rows):
    return [dict(zip(("hour", "asset", "change"), row, strict=True)) for row in rows]


def test_a_scenario_is_read_whole() -> None:
    found = read(
        scenario(base="filtered", what="Twice.", volatility_scale=2, depth_scale={"*": 0.5, "ETH": 0.25}, hours=24)
    )
    assert (found.title, found.what, found.hours, found.base) == ("Weekend", "Twice.", 24, "filtered")
    assert found.steps == ((0, "ETH", -0.2),)
    assert found.volatility_scale == 2.0
    assert scales(found.depth_scale, COLUMNS) == {
        "WETH": 0.25,
        "wstETH": 0.5,
        "WBTC": 0.5,
        "USDC": 0.5,
        "LINK": 0.5,
    }


def test_what_wraps_an_unpegged_asset_goes_with_it() -> None:
    columns = resolve(("WETH", "stETH", "wstETH", "cbETH", "DAI", "sDAI"), known=("ETH",), said={})
    told = scenario(steps=steps((0, "ETH", -0.1), (0, "stETH", -0.9), (1, "DAI", -0.2)), unpegged=["stETH", "DAI"])
    found = placed(read(told), columns)
    assert found["stETH"] == found["wstETH"] == [(0, -0.9)]
    assert found["WETH"] == found["cbETH"] == [(0, -0.1)]
    assert found["DAI"] == found["sDAI"] == [(1, -0.2)]
    apart = scenario(steps=steps((0, "stETH", -0.9), (0, "wstETH", -0.5)), unpegged=["stETH", "wstETH"])
    assert placed(read(apart), columns)["wstETH"] == [(0, -0.5)]
    with pytest.raises(InputError, match="moves wstETH, which follows STETH, apart"):
        placed(read(scenario(steps=steps((0, "stETH", -0.9), (1, "wstETH", -0.5)), unpegged=["stETH"])), columns)


def test_the_horizon_may_be_said_elsewhere() -> None:
    assert read(scenario(), hours=12).hours == 12
    with pytest.raises(InputError, match=r"steps\[0\].hour is 30; it must be an hour from 0 to 23"):
        read(scenario(steps=steps((30, "ETH", -0.1))), hours=24)


def test_what_follows_an_asset_moves_with_it() -> None:
    found = placed(read(scenario(steps=steps((0, "ETH", -0.2), (1, "link", 0.1)))), COLUMNS)
    assert found == {"WETH": [(0, -0.2)], "wstETH": [(0, -0.2)], "WBTC": [], "USDC": [], "LINK": [(1, 0.1)]}


def test_what_is_unpegged_moves_alone() -> None:
    told = scenario(steps=steps((0, "ETH", -0.2), (0, "wstETH", -0.3), (0, "USDC", -0.1)), unpegged=["wstETH", "USDC"])
    found = placed(read(told), COLUMNS)
    assert (found["WETH"], found["wstETH"], found["USDC"]) == ([(0, -0.2)], [(0, -0.3)], [(0, -0.1)])


@pytest.mark.parametrize(
    ("rows", "more", "match"),
    [
        (
            [(0, "wstETH", -0.3)],
            {},
            r'steps\[0\] moves wstETH, which follows ETH, apart from it.*"unpegged": \["wstETH',
        ),
        ([(0, "USDC", -0.3)], {}, r"steps\[0\] moves USDC, which follows USD, apart"),
        ([(0, "ETH", -0.1), (0, "WETH", -0.1)], {}, r"steps\[1\].hour is 0; it must be another one: WETH"),
        ([(0, "DOGE", -0.1)], {}, r'steps\[0\].asset is "DOGE"; it must be one of WETH, ETH, wstETH'),
        ([(0, "USD", -0.1)], {}, r'steps\[0\].asset is "USD"'),
        ([(0, "ETH", -0.1)], {"unpegged": ["stETH"]}, 'unpegged is "stETH"; it must be one of WETH'),
        ([(0, "LINK", -0.1)], {"unpegged": ["LINK"]}, 'unpegged is "LINK"; it must be an asset that follows another'),
        ([(0, "WETH", -0.1)], {"unpegged": ["WETH"]}, 'unpegged is "WETH"; it must be an asset that follows another'),
        ([(0, "ETH", -0.1)], {"unpegged": ["wstETH"]}, 'unpegged is "wstETH"; it must be an asset that a step moves'),
    ],
)
def test_what_the_book_contradicts_is_refused(rows, more, match: str) -> None:
    with pytest.raises(InputError, match=match):
        placed(read(scenario(steps=steps(*rows), **more)), COLUMNS)


def test_an_asset_with_its_own_prices_still_keeps_its_promise() -> None:
    columns = resolve(("WETH", "stETH"), known=("ETH", "stETH"), said={})
    assert columns[1].of == "stETH"
    assert placed(read(scenario()), columns)["stETH"] == [(0, -0.2)]
    with pytest.raises(InputError, match="moves stETH, which follows ETH"):
        placed(read(scenario(steps=steps((0, "stETH", -0.2)))), columns)


def test_depth_of_what_the_book_has_not_is_refused() -> None:
    with pytest.raises(InputError, match='depth_scale is "DOGE"; it must be one of WETH, wstETH'):
        scales({"DOGE": 0.5}, COLUMNS)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "The scenario is no JSON"),
        ("[" * 100_000, "The scenario is no JSON"),
        ('{"hours": ' + "9" * 5000 + "}", "The scenario is no JSON"),
        (scenario(depth_scale={"ETH": 10**400}), "depth_scale.ETH is 1000"),
        ("[]", "must be an object"),
        ('{"title": "a", "title": "b"}', "says 'title' twice"),
        ('{"title": "a", "hours": 4, "steps": [{"hour": 0, "asset": "ETH", "change": NaN}]}', "has NaN where a number"),
        ('{"title": "a", "hours": 4, "steps": [{"hour": 0, "asset": "ETH", "change": -Infinity}]}', "has -Infinity"),
        ('{"title": "a", "hours": 4, "steps": [{"hour": 0, "asset": "ETH", "change": 1e999}]}', r"change is Infinity"),
        (scenario(speed=3), "speed is no part of a scenario; there are: title"),
        (scenario(title=""), 'title is ""; it must be a text'),
        (scenario(title=7), "title is 7"),
        (scenario(hours=0), "hours is 0; it must be a whole number from 1 to 2160"),
        (scenario(hours=4.5), r"hours is 4.5"),
        (scenario(hours=True), "hours is true"),
        (scenario(hours=None), "hours is null"),
        (scenario(base="guess"), 'base is "guess"; it must be one of none, filtered'),
        (scenario(steps={}), "steps is {}; it must be a list"),
        (scenario(steps=[3]), r"steps\[0\] is 3"),
        (scenario(steps=[{"hour": 0, "asset": "ETH", "change": -0.1, "why": 1}]), r"steps\[0\].why is no part"),
        (scenario(steps=steps((0, "ETH", -1))), r"steps\[0\].change is -1; it must be a number above -1"),
        (scenario(steps=steps((0, "ETH", "-1"))), r'steps\[0\].change is "-1"'),
        (scenario(steps=steps((-1, "ETH", -0.1))), r"steps\[0\].hour is -1"),
        (scenario(steps=steps((48, "ETH", -0.1))), r"steps\[0\].hour is 48; it must be an hour from 0 to 47"),
        (scenario(steps=steps((0, "", -0.1))), r"steps\[0\].asset is"),
        (scenario(steps=[{"hour": 0, "change": -0.1}]), r"steps\[0\].asset is"),
        (scenario(steps=[]), "steps is .*at least one step"),
        (scenario(unpegged="stETH"), "unpegged is"),
        (scenario(unpegged=["USDC", "usdc"]), 'unpegged is "usdc"; it must be named once; USDC is the same asset'),
        (scenario(depth_scale={"ETH": 0.5, "WETH": 0.3}), 'depth_scale is "WETH"; it must be named once; ETH is the'),
        (scenario(depth_scale={"weth": 0.5, "WETH": 0.3}), 'depth_scale is "WETH"; it must be named once; weth is the'),
        (scenario(steps=steps((0, "ETH", 0))), r"steps\[0\].change is 0; it must be a change"),
        (scenario(steps=[], depth_scale={"*": 1}), "steps is .*for nothing happens otherwise"),
        (scenario(volatility_scale=2), "volatility_scale is 2.0; it must be left out"),
        (scenario(base="filtered", volatility_scale=0), "volatility_scale is 0; it must be a number above 0"),
        (scenario(depth_scale={"ETH": -1}), "depth_scale.ETH is -1"),
        (scenario(depth_scale=[1]), "depth_scale is"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(text: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        read(text)
