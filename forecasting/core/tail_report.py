"""What value at risk and expected shortfall of a backtest are worth, by method, asset and side.

Methods are compared on the days that all of them forecast. Losses are log returns; FZ0 and pinball are quoted for
losses in per cent, average values at risk as fractions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecasting.core.book import Flags, Floats
from forecasting.core.days import DayTable
from forecasting.core.dependence import Dcc, Shrunk, basket_volatility, dcc, shrunk
from forecasting.core.dependence import walk as follow
from forecasting.core.scoring import christoffersen, dynamic_quantile, fz0, kupiec, pinball, pit
from forecasting.core.scoring.coverage import BINS
from forecasting.core.scoring.verdicts import MINIMUM
from forecasting.core.tails import aci
from forecasting.core.tails.base import TailMethod, Tails, pits, walk
from forecasting.core.tails.fhs import HISTORICAL_250, HISTORICAL_500, WINDOW, Fhs
from forecasting.core.tails.joint import basket
from forecasting.core.tails.mean import Mean
from forecasting.core.tails.pot import Pot
from forecasting.core.tails.student import Student
from forecasting.core.volatility.regime import label
from governance.errors import InputError

type Body = dict[str, Any]

CHAMPION = "champion"
SIDES = {"long": -1.0, "short": 1.0}  # what a return of 1 costs
SHARES = {"var99": 0.01, "var975_es": 0.025}
REJECTED = 0.05
PER_CENT = 100.0
CORRELATIONS: dict[str, Callable[[Floats], Shrunk | Dcc]] = {"shrunk": shrunk, "dcc": dcc}
TESTS = {
    "kupiec_rejections": "kupiec",
    "christoffersen_rejections": "christoffersen",
    "dq_rejections": "dynamic_quantile",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What is scored.

    Attributes
    ----------
    first, last : int
        First and last scored day.
    champion : (D, A) floats
        Variance forecast of each day; the days before ``first`` are what tails learn from.
    field : (D, A) floats or None
        GARCH's.
    """

    first: int
    last: int
    champion: Floats
    field: Floats | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """One asset and side: (n,) losses and each method's tails of the same days, and what the monitor says."""

    asset: str
    side: str
    loss: Floats
    tails: Mapping[str, Tails]
    monitor: Body


def tails_body(table: DayTable, scored: Scored) -> Body:
    """Return the tails of a table that ends with the last scored day.

    Returns
    -------
    dict
        ``var99``, ``var975_es``, ``basket``, ``pit``, ``regime`` and ``series``.
    """
    days = slice(scored.first, scored.last + 1)
    champion = scored.champion[: table.ends.size]
    field = None if scored.field is None else scored.field[: table.ends.size]
    scale = np.sqrt(champion)  # as what is published does: a backtest is of what is used, or of nothing
    cells = {name: _cells(table, scale, field, days=days, share=share) for name, share in SHARES.items()}
    body: Body = {name: _body(found, share=SHARES[name]) for name, found in cells.items()}
    body["basket"] = _basket(table, scale, days=days)
    body["pit"] = _pits(table, scale, days=days)
    labels = {asset: label(table.change[:, column], days=days) for column, asset in enumerate(table.assets)}
    body["regime"] = {asset: told for asset, told in labels.items() if told is not None}
    body["series"] = _series(table, champion, scale, days=days)
    return body


def _methods(scale: Floats, field: Floats | None) -> dict[str, tuple[TailMethod, Floats]]:
    """Return each method with the (D,) volatility that its residuals are scaled with."""
    ones = np.ones_like(scale)
    found: dict[str, tuple[TailMethod, Floats]] = {
        CHAMPION: (Mean(), scale),
        "fhs": (Fhs(), scale),
        "pot": (Pot(), scale),
        "hs_250": (HISTORICAL_250, ones),
        "hs_500": (HISTORICAL_500, ones),
    }
    return found if field is None else found | {"garch_t": (Student(), np.sqrt(field))}


def _cells(table: DayTable, scale: Floats, field: Floats | None, *, days: slice, share: float) -> list[_Cell]:
    """Return the cells that have enough days; a loss of nothing, as a price that stands still has, is not at risk."""
    found = []
    for column, asset in enumerate(table.assets):
        methods = _methods(scale[:, column], None if field is None else field[:, column])
        for side, sign in SIDES.items():
            loss = sign * table.change[:, column]
            made = {name: walk(method, loss=loss, scale=by, share=share) for name, (method, by) in methods.items()}
            known = np.isfinite(loss) & np.logical_and.reduce([tails.var > 0 for tails in made.values()])
            kept = np.flatnonzero(known[days]) + days.start
            if kept.size >= MINIMUM:
                tails = {name: Tails(var=all_.var[kept], es=all_.es[kept]) for name, all_ in made.items()}
                monitor = aci.told(loss, scale=scale[:, column], share=share, days=days)
                found.append(_Cell(asset=asset, side=side, loss=loss[kept], tails=tails, monitor=monitor))
    return found


def _body(cells: list[_Cell], *, share: float) -> Body:
    """Return one level's result: the champion's figures, every method's, and each cell's."""
    if not cells:
        return {"cells": 0, "days": 0, "hits": 0, "methods": {}, "by_cell": {}}
    methods = {name: _method(cells, name, share=share) for name in cells[0].tails}
    by_cell: dict[str, Body] = {}
    for cell in cells:
        tested = _tested(cell.loss, cell.tails[CHAMPION], share=share)
        by_cell.setdefault(cell.asset, {})[cell.side] = tested | {"aci": cell.monitor}
    return {
        "cells": len(cells),
        "days": sum(cell.loss.size for cell in cells),
        **{name: methods[CHAMPION][name] for name in ("hits", "rate", *TESTS)},
        "fz0": {name: found["fz0"] for name, found in methods.items()},
        "average_var": {name: found["average_var"] for name, found in methods.items()},
        "methods": methods,
        "by_cell": by_cell,
    }


def _method(cells: list[_Cell], name: str, *, share: float) -> Body:
    tested = [_tested(cell.loss, cell.tails[name], share=share) for cell in cells]
    hits = sum(row["hits"] for row in tested)
    return {
        "hits": hits,
        "rate": hits / sum(row["n"] for row in tested),
        **{count: sum(row[test] < REJECTED for row in tested) for count, test in TESTS.items()},
        **{loss: float(np.mean([row[loss] for row in tested])) for loss in ("fz0", "pinball", "average_var")},
    }


def _tested(loss: Floats, tails: Tails, *, share: float) -> Body:
    """Return the scores of one series of tails, and the p values of its tests of coverage."""
    hits: Flags = tails.hits(loss)
    percent = {"loss": PER_CENT * loss, "var": PER_CENT * tails.var}
    return {
        "hits": int(hits.sum()),
        "n": hits.size,
        "rate": float(hits.mean()),
        "kupiec": kupiec(hits, share=share).p,
        "christoffersen": christoffersen(hits, share=share).p,
        "dynamic_quantile": dynamic_quantile(hits, var=tails.var, share=share).p,
        "fz0": float(fz0(**percent, es=PER_CENT * tails.es, share=share).mean()),
        "pinball": float(pinball(**percent, share=share).mean()),
        "average_var": float(tails.var.mean()),
    }


def _basket(table: DayTable, scale: Floats, *, days: slice) -> Body:
    """Return by level, method and side how the basket of equal parts did, on the days that all assets have.

    ``joint`` draws whole past days; ``shrunk`` and ``dcc`` put the champion's tail on the volatility that a correlation
    gives the basket.
    """
    count = len(table.assets)
    if count == 1:
        return {}
    residuals, weights = table.change / scale, np.full(count, 1 / count)
    worth = np.expm1(table.change) @ weights
    try:
        covariances = {name: follow(fit, residuals, first=MINIMUM) for name, fit in CORRELATIONS.items()}
    except InputError:  # one stands still, and has no correlation with the others
        return {}
    volatility = {
        name: basket_volatility(scale, covariances=found, weights=weights) for name, found in covariances.items()
    }
    found: Body = {name: {} for name in SHARES}
    for level, share in SHARES.items():
        for side, sign in SIDES.items():
            tails = {"joint": basket(residuals, volatility=scale, weights=-sign * weights, share=share)} | {
                name: walk(Mean(), loss=sign * worth, scale=by, share=share) for name, by in volatility.items()
            }
            known = np.isfinite(worth) & np.logical_and.reduce([np.isfinite(made.var) for made in tails.values()])
            kept = np.flatnonzero(known[days]) + days.start
            for name, made in tails.items() if kept.size >= MINIMUM else ():
                scored = _tested(sign * worth[kept], Tails(var=made.var[kept], es=made.es[kept]), share=share)
                found[level].setdefault(name, {})[side] = scored
    return found


def _pits(table: DayTable, scale: Floats, *, days: slice) -> Body:
    """Return where returns fell among past residuals; nothing of assets with too few days for the test."""
    found: Body = {}
    for column, asset in enumerate(table.assets):
        values = pits(table.change[:, column] / scale[:, column], window=WINDOW)[days]
        if np.isfinite(values).sum() >= 5 * BINS:
            tested = pit(values)
            found[asset] = {"counts": list(tested.counts), "p": tested.p, "n": tested.n}
    return found


def _series(table: DayTable, champion: Floats, scale: Floats, *, days: slice) -> Body:
    """Return what was forecast of each scored day and what came: variances, log returns, losses as fractions."""
    found: Body = {}
    for column, asset in enumerate(table.assets):
        change = table.change[:, column]
        var = {
            f"var99_{side}": walk(Mean(), loss=sign * change, scale=scale[:, column], share=SHARES["var99"]).var
            for side, sign in SIDES.items()
        }
        columns = {"realised": table.variance[:, column], "champion_1d": champion[:, column], **var, "change": change}
        found[asset] = {"ends": table.ends[days].tolist(), **{name: v[days].tolist() for name, v in columns.items()}}
    return found
