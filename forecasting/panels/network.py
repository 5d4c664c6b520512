"""The exposure network of a book as a drawing: collaterals on the left, the debts that they back on the right.

Everything is placed here, so that the page needs neither a script nor an inline style. Widths are in the pixels of
the page, positions across it in per cent, so that text keeps its size on every screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance.exhibits import Column, Getter, Table
from governance.formatting import percent, usd

type Said = Mapping[str, Any]

BODY = 260.0  # pixels that all debt takes on one side
SLOT = 40.0  # pixels that a node's words need
GAP = 8.0
EDGES = 40  # that are drawn; the table has all
LEAST = 1.5  # pixels of a ribbon
LARGEST = {"top5": "the 5 largest borrowers owe", "top10": "the 10 largest", "top_percent": "the largest 1 % of them"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One asset on one side; ``top`` and ``size`` in pixels, ``words`` is where its name stands."""

    name: str
    usd: float
    top: float
    size: float

    @property
    def words(self) -> float:
        """Pixels from the top to the middle of its name."""
        return self.top + self.size / 2

    @property
    def text(self) -> str:
        """Its debt in short form."""
        return usd(self.usd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ribbon:
    """Debt that a collateral backs: an area between two nodes, over a width of 100 units."""

    collateral: str
    debt: str
    usd: float
    path: str
    tone: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The drawing; ``height`` in pixels."""

    collaterals: tuple[Node, ...]
    debts: tuple[Node, ...]
    ribbons: tuple[Ribbon, ...]
    height: float


def overview(found: Said) -> dict[str, object]:
    """Return the context: the drawing, its numbers, and how few borrowers owe how much."""
    edges = sorted((edge for edge in found.get("edges", []) if edge["usd"] > 0), key=lambda edge: -edge["usd"])
    return {
        "network": draw(edges) if edges else None,
        "exposures": table(edges, unbacked=float(found.get("unbacked") or 0.0)),
        "borrowers": borrowers(found.get("top", [])),
        "concentration": concentration(found),
    }


def concentration(found: Said) -> str:
    """Return how few borrowers owe how much, in words; empty where it was not counted."""
    told = [f"{words} {percent(found[key])}" for key, words in LARGEST.items() if found.get(key) is not None]
    return f"Of all debt {', '.join(told)}." if told else ""


def draw(edges: Sequence[Said]) -> Network:
    """Return the drawing of edges, the largest first."""
    shown = edges[:EDGES]
    unit = BODY / sum(edge["usd"] for edge in shown)
    left, right = _nodes(shown, "collateral", unit), _nodes(shown, "debt", unit)
    places = {"collateral": {node.name: node.top for node in left}, "debt": {node.name: node.top for node in right}}
    order = {node.name: index for index, node in enumerate(left)}
    rank = {node.name: index for index, node in enumerate(right)}
    ribbons = []
    for edge in sorted(shown, key=lambda edge: (order[edge["collateral"]], rank[edge["debt"]])):
        size = edge["usd"] * unit
        a, b = places["collateral"][edge["collateral"]], places["debt"][edge["debt"]]
        places["collateral"][edge["collateral"]] += size
        places["debt"][edge["debt"]] += size
        ribbons.append(
            Ribbon(
                collateral=edge["collateral"],
                debt=edge["debt"],
                usd=edge["usd"],
                path=_path(a, b, max(size, LEAST)),
                tone=order[edge["collateral"]] % 5,
            )
        )
    bottom = max(max(node.top + max(node.size, SLOT) for node in side) for side in (left, right))
    return Network(collaterals=left, debts=right, ribbons=tuple(ribbons), height=round(bottom, 1))


def _nodes(edges: Sequence[Said], side: str, unit: float) -> tuple[Node, ...]:
    sums: dict[str, float] = {}
    for edge in edges:
        sums[edge[side]] = sums.get(edge[side], 0.0) + edge["usd"]
    nodes, at = [], 0.0
    for name, owed in sorted(sums.items(), key=lambda item: (-item[1], item[0])):
        size = max(owed * unit, LEAST)
        slack = max(SLOT - size, 0.0) / 2  # a thin node stands in the middle of its words
        nodes.append(Node(name=name, usd=owed, top=round(at + slack, 2), size=round(size, 2)))
        at += size + 2 * slack + GAP
    return tuple(nodes)


def _path(a: float, b: float, size: float) -> str:
    """Return the area from ``a`` on the left to ``b`` on the right, ``size`` thick."""
    upper = f"M0 {a:.2f} C50 {a:.2f} 50 {b:.2f} 100 {b:.2f}"
    lower = f"L100 {b + size:.2f} C50 {b + size:.2f} 50 {a + size:.2f} 0 {a + size:.2f} Z"
    return f"{upper} {lower}"


def table(edges: Sequence[Said], *, unbacked: float) -> Table:
    """Return every edge."""
    whole = sum(edge["usd"] for edge in edges) + unbacked
    return Table(
        slug="exposures",
        caption="Debt by the collateral that backs it",
        columns=(
            Column(label="Collateral", value=_of("collateral")),
            Column(label="Backs debt in", value=_of("debt")),
            Column(label="Debt", value=_of("usd"), kind="usd"),
            Column(label="Share", value=lambda row: row["usd"] / whole if whole else None, kind="percent"),
        ),
        rows=edges,
        shown=15,
        empty="Nobody owes anything.",
        unit_note="The debt of an account is spread over its collaterals as its health factor counts them.",
    )


def borrowers(rows: Sequence[Said]) -> Table:
    """Return the largest borrowers."""
    return Table(
        slug="borrowers",
        caption="Largest borrowers",
        columns=(
            Column(label="Account", value=_of("account"), kind="address"),
            Column(label="Debt", value=_of("debt_usd"), kind="usd"),
            Column(label="Share", value=_of("share"), kind="percent"),
        ),
        rows=rows,
        shown=10,
        empty="Nobody owes anything.",
    )


def _of(name: str) -> Getter:
    return lambda row: row.get(name)
