"""The world that a scenario describes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.worlds.base import World
from forecasting.core.worlds.filtered import Filtered
from forecasting.core.worlds.moves import Changes, Drift, Jump, Move
from forecasting.core.worlds.opened import Opened
from forecasting.core.worlds.sources import Diffusion, Fixed, Source
from forecasting.core.worlds.tilts import Tilt
from forecasting.worlds.frozen import learnt, replayed
from governance.errors import InputError


def open_world(scenario: Mapping[str, Any], *, symbols: Sequence[str], prices: Floats) -> World:
    """Return the world of a scenario.

    Parameters
    ----------
    scenario : mapping
        As `scenario` returned it.
    symbols : sequence of str
        Columns; all are among the assets that it was made for.
    prices : (R,) floats
        Starting prices, USD.

    Raises
    ------
    InputError
        When a column is not in the scenario, or its price is not positive.
    StaleData
        When the rows that it was pinned to are no longer what they were.
    """
    columns, recipe = scenario["columns"], scenario["recipe"]
    for symbol, price in zip(symbols, np.asarray(prices, dtype=np.float64), strict=True):
        if symbol not in columns:
            raise InputError(
                f"{symbol} is not in the scenario, which was made for {', '.join(columns)}.",
                field="assets",
                value=symbol,
            )
        if not 0 < price < np.inf:
            raise InputError(f"The price of {symbol} is {price}; it must be positive.", field=symbol, value=price)
    assets, source = _source(scenario)
    where = {asset: place for place, asset in enumerate(assets)}
    return Opened(
        symbols=tuple(symbols),
        title=scenario["title"],
        what=scenario["what"],
        assumptions=tuple(scenario["assumptions"]),
        hours=scenario["hours"],
        step_hours=scenario["step_hours"],
        depth_scale=np.array([scenario["depth_scale"][symbol] for symbol in symbols], dtype=np.float64),
        columns=np.array([where.get(columns[symbol], -1) for symbol in symbols], dtype=np.int64),
        source=source,
        moves=tuple(_moves(scenario, symbols)),
        scale=float(recipe.get("scale", 1.0)),
    )


def _source(scenario: Mapping[str, Any]) -> tuple[Sequence[str], Source]:
    """Return the assets of a scenario's source of paths, and the source."""
    recipe, hours, seed = scenario["recipe"], scenario["hours"], scenario["seed"]
    steps = round(hours / scenario["step_hours"])
    if recipe["base"] == "filtered":
        history = learnt(scenario["dataset"]["hash"], tuple(recipe["ahead"]))
        tilt = Tilt.of(history.fall) if recipe["tilt"] else None
        return history.assets, Filtered(history=history, hours=hours, seed=seed, tilt=tilt)
    if recipe["base"] == "replay":
        assets, path, _ = replayed(scenario["dataset"]["hash"], recipe["first"], recipe["last"])
        return assets, Fixed(path=path)
    if recipe["base"] == "diffusion":
        names = sorted(recipe["volatility"])  # a database keeps no order of names
        volatility = np.array([recipe["volatility"][name] for name in names], dtype=np.float64)
        return names, Diffusion(volatility=volatility, alike=recipe["alike"], steps=steps, seed=seed)
    return (), Fixed(path=np.ones((steps, 1)))


def _moves(scenario: Mapping[str, Any], symbols: Sequence[str]) -> Iterator[Move]:
    recipe = scenario["recipe"]
    if "drift" in recipe:
        sizes = [recipe["drift"][symbol] for symbol in symbols]
        yield Drift(size=np.array(sizes, dtype=np.float64) * scenario["step_hours"])
    if "jump" in recipe:
        names = sorted(recipe["jump"])
        mean, spread = np.array([recipe["jump"][name] for name in names], dtype=np.float64).T
        places = [names.index(scenario["columns"][symbol]) for symbol in symbols]
        yield Jump(mean=mean, spread=spread, alike=recipe["alike"], seed=scenario["seed"], columns=tuple(places))
    rows = [
        (int(hour / scenario["step_hours"]), place, float(change))
        for place, symbol in enumerate(symbols)
        for hour, change in recipe.get("steps", {}).get(symbol, ())
    ]
    if rows:
        when, which, size = zip(*rows, strict=True)
        yield Changes(when=when, which=which, size=size, assets=len(symbols))
