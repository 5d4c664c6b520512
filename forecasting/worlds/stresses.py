"""The named stresses, laid over likely paths, over a diffusion, or over nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from forecasting.core.volatility.base import rounded
from forecasting.core.worlds import stress
from forecasting.core.worlds.likeness import USD, WRAPS, Column, peg_of
from forecasting.core.worlds.stress import Stress
from forecasting.worlds.drafts import Draft, likely
from forecasting.worlds.grounds import Asked, about, by_name, measured, reach_of, stand
from forecasting.worlds.sentences import compared, moved
from governance.errors import InputError

FINE = 1 / 12  # hours of a step of a diffusion that is no longer than a day


def stressed(asked: Asked, found: Stress, *, target: str) -> Draft:
    """Return a named stress."""
    made = {"filtered": _over_likely, "diffusion": _diffusing, "none": _sudden}[found.base]
    return made(asked, found, target)


def _over_likely(asked: Asked, found: Stress, target: str) -> Draft:
    _no_target(found, target)
    hours = asked.length(found.hours)
    word, _, number = found.name.rpartition("-")
    ground = stand(asked, hours=hours, anchored=word != "liquidity")
    recipe, said, depth = likely(ground), [*about(ground)], {}
    reach = reach_of(ground)
    if word == "drift":
        sizes = _sized(ground.columns, {"ETH": stress.DRIFT[int(number)]}, reach=reach)
        recipe["drift"] = {symbol: rounded(size / stress.YEAR_HOURS) for symbol, size in sizes.items()}
        said.append(f"Drift of {stress.DRIFT[int(number)]} a year (log) for ether{compared(reach)}.")
    elif word == "jump":
        sizes = _sized(ground.columns, stress.CRASH[int(number)], reach=reach)
        logs = {column.of: rounded(np.log1p(sizes[column.symbol])) for column in ground.columns}
        recipe["jump"] = {asset: [mean, rounded(abs(mean) / int(number))] for asset, mean in sorted(logs.items())}
        recipe["alike"] = ground.history.alike
        said.append(
            f"A jump's spread over paths is a {number}th of its mean; jumps of two assets have the correlation"
            f" {ground.history.alike:.2f} of their days{compared(reach)}."
        )
    else:
        depth = dict.fromkeys(asked.assets, rounded(stress.NEUTRAL / float(number)))
        said.append(
            f"Depth is multiplied by {stress.NEUTRAL} / {number}: debt over liquidity of {stress.NEUTRAL} is usual."
        )
    return Draft(
        name=found.name,
        title=found.title,
        what=found.what,
        kind=found.kind,
        hours=hours,
        columns=ground.columns,
        recipe=recipe,
        assumptions=said,
        ground=ground,
        depth_scale=depth,
    )


def _diffusing(asked: Asked, found: Stress, target: str) -> Draft:
    _no_target(found, target)
    hours = asked.length(found.hours)
    step = FINE if hours <= 24 else 1.0
    columns, reach, ground = measured(asked)
    numbers = stress.VOLATILITY[found.name.rpartition("-")[2]]
    sizes = _sized(columns, numbers, reach=reach)
    root = np.sqrt(step / stress.YEAR_HOURS)
    return Draft(
        name=found.name,
        title=found.title,
        what=found.what,
        kind=found.kind,
        hours=hours,
        step_hours=step,
        columns=columns,
        recipe={
            "base": "diffusion",
            "volatility": {column.of: rounded(sizes[column.symbol] * root) for column in columns if column.of != USD},
            "alike": stress.ALIKE,
        },
        assumptions=[
            "Returns are normal and independent, without drift; bursts and jumps are not in them.",
            f"Any two assets have a correlation of {stress.ALIKE}, which is ours, not the table's{compared(reach)}.",
        ],
        dataset=None if ground is None else ground.dataset,
    )


def _sudden(asked: Asked, found: Stress, target: str) -> Draft:
    hours = asked.length(found.hours)
    word, _, number = found.name.rpartition("-")
    columns, symbol, ground = by_name(asked), "", None
    reach: dict[str, float] = {}
    if word == "depeg":
        symbol = _pegged(asked, found, target)
        wrappers = [other for other in asked.assets if WRAPS.get(other.upper()) == symbol.upper()]
        changes = dict.fromkeys([symbol, *wrappers], -int(number) / 100)
    else:
        _no_target(found, target)
        columns, reach, ground = measured(asked)
        sizes = _sized(columns, stress.CRASH[int(number)], reach=reach)
        changes = {symbol: rounded(size) for symbol, size in sizes.items() if size}
    return Draft(
        name=f"{found.name}:{symbol}" if symbol else found.name,
        title=f"{found.title}: {symbol}" if symbol else found.title,
        what=found.what,
        kind=found.kind,
        hours=hours,
        columns=columns,
        recipe={"base": "none", "steps": {symbol: [[0, change]] for symbol, change in changes.items()}},
        assumptions=[
            f"Nothing moves but what is said{compared(reach)}.",
            *moved({s: [[0, c]] for s, c in changes.items()}),
        ],
        dataset=None if ground is None else ground.dataset,
    )


def _sized(columns: Sequence[Column], numbers: Mapping[str, float], *, reach: Mapping[str, float]) -> dict[str, float]:
    known = stress.sized(sorted({column.of for column in columns}), numbers, reach=reach)
    return {column.symbol: known[column.of] for column in columns}


def _pegged(asked: Asked, found: Stress, target: str) -> str:
    candidates = [symbol for symbol in asked.assets if peg_of(symbol)]
    chosen = [symbol for symbol in candidates if symbol.upper() == target.upper()] if target else candidates
    if len(chosen) != 1:
        names = ", ".join(candidates) or "none"
        raise InputError(
            f"{found.name} needs the pegged asset that it is about, as in {found.name}:{(candidates or ['stETH'])[0]};"
            f" the book has {names}.",
            field="scenario",
            value=f"{found.name}:{target}" if target else found.name,
        )
    return chosen[0]


def _no_target(found: Stress, target: str) -> None:
    if target:
        raise InputError(
            f"{found.name}:{target}: this scenario is about the whole market; leave :{target} out.",
            field="scenario",
            value=target,
        )
