"""Heat maps of a reserve's parameters: each cell is the same futures under other parameters.

A map is a table of numbers with a shade behind each, so that it reads without colour, without scripts and aloud.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance.exhibits import Column, Table
from governance.formatting import compact, percent, usd

type Said = Mapping[str, Any]

SHADES = 6  # from the map's lowest to its highest
METRICS: Mapping[str, tuple[str, str]] = {
    "es99": ("ES 99 %", "Mean bad debt of the worst 1 % of futures"),
    "var95": ("VaR 95 %", "95th percentile of bad debt"),
    "liquidated": ("Liquidated", "Mean debt repaid by liquidators"),
    "capacity": ("Borrowing power", "What could be borrowed against all collateral; higher is better"),
}
NAMES: Mapping[str, str] = {
    "liquidation_threshold": "Liquidation threshold",
    "liquidation_bonus": "Liquidation bonus",
    "ltv": "Loan to value",
    "supply_cap": "Supply cap",
}
CAP = "supply_cap"
MAPS: Mapping[str, tuple[str, str, str]] = {
    "lt_lb": ("Threshold and bonus", "liquidation_threshold", "liquidation_bonus"),
    "ltv_cap": ("LTV and supply cap", "ltv", CAP),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One pair of parameters: what is written, how dark it is, and what is special about it."""

    text: str
    exact: float | None
    shade: int
    toxic: bool
    current: bool
    proposed: bool

    @property
    def words(self) -> str:
        """What is special, in words."""
        told = (
            ("on chain", self.current),
            ("proposed", self.proposed),
            ("toxic", self.toxic),
            ("not possible", self.exact is None),
        )
        return ", ".join(word for word, it in told if it)


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """A heat map; rows from the top, each with its parameter in words."""

    key: str
    title: str
    x_name: str
    y_name: str
    x: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    table: Table
    toxic: bool
    notes: tuple[str, ...]


def overview(found: Said, *, metric: str) -> dict[str, object]:
    """Return the context of a reserve's maps; ``metric`` is a key of `METRICS`."""
    metric = metric if metric in METRICS else "es99"
    maps = [of(found[key], key=key, metric=metric) for key in MAPS if found.get(key)]
    return {
        "maps": maps,
        "map_tables": [one.table for one in maps],
        "map_asset": found.get("symbol", ""),
        "map_paths": max((found[name].get("paths") or 0 for name in MAPS if found.get(name)), default=0),
        "metric": metric,
        "metric_name": METRICS[metric][1],
        "metrics": [(key, name) for key, (name, _) in METRICS.items()],
    }


def of(found: Said, *, key: str, metric: str) -> Map:
    """Return one map: ``found[metric]`` has a row for each ``y`` and a value in it for each ``x``; None: impossible."""
    title, across, down = MAPS[key]
    values = found.get(metric) or [[None for _ in found["x"]] for _ in found["y"]]
    known = [value for row in values for value in row if value is not None]
    span = (min(known, default=0.0), max(known, default=0.0))
    toxic = found.get("toxic") or [[False for _ in found["x"]] for _ in found["y"]]
    current, proposed = _place(found.get("current")), _place(found.get("proposed"))
    rows = [
        (
            _level(y, of=down),
            tuple(
                _cell(value, span=span, toxic=bool(toxic[j][i]), current=(i, j) == current, proposed=(i, j) == proposed)
                for i, value in enumerate(row)
            ),
        )
        for j, (y, row) in enumerate(zip(found["y"], values, strict=True))
    ]
    return Map(
        key=key,
        title=title,
        x_name=NAMES[across],
        y_name=NAMES[down],
        x=tuple(_level(x, of=across) for x in found["x"]),
        rows=tuple(reversed(rows)),  # higher is further up
        table=_table(found, key=key),
        toxic=any(any(row) for row in toxic),
        notes=tuple(found.get("notes") or ()),
    )


def _cell(value: float | None, *, span: tuple[float, float], toxic: bool, current: bool, proposed: bool) -> Cell:
    low, high = span
    share = (value - low) / (high - low) if value is not None and high > low else 0.0
    return Cell(
        text="—" if value is None else usd(value),
        exact=value,
        shade=round(share * (SHADES - 1)),
        toxic=toxic,
        current=current,
        proposed=proposed,
    )


def _table(found: Said, *, key: str) -> Table:
    """Return every cell with all its figures, for download."""
    title, across, down = MAPS[key]
    current, toxic = _place(found.get("current")), found.get("toxic")
    known = [name for name in METRICS if found.get(name)]
    rows = [
        (
            x,
            y,
            {name: found[name][j][i] for name in known},
            bool(toxic and toxic[j][i]),
            (i, j) == current,
        )
        for j, y in enumerate(found["y"])
        for i, x in enumerate(found["x"])
    ]
    return Table(
        slug=f"map-{key.replace('_', '-')}",
        caption=f"{title}: every cell",
        columns=(
            Column(label=NAMES[across], value=lambda row: row[0], kind="percent"),
            Column(label=NAMES[down], value=lambda row: row[1], kind="number" if down == CAP else "percent"),
            *(Column(label=METRICS[name][0], value=_figure(name), kind="usd") for name in known),
            Column(label="Toxic", value=lambda row: row[3], kind="flag"),
            Column(label="On chain", value=lambda row: row[4], kind="flag"),
        ),
        rows=rows,
        empty="This map has no cells.",
    )


def _figure(name: str) -> Any:  # noqa: ANN401 - a getter of `_table`'s rows
    return lambda row: row[2][name]


def _level(value: float | None, *, of: str) -> str:
    if value is None:
        return "no cap"
    return f"{compact(value)} tokens" if of == CAP else percent(value, digits=1)


def _place(found: Sequence[int] | None) -> tuple[int, int] | None:
    """Return a place along x and y."""
    return (int(found[0]), int(found[1])) if found else None
