"""The result of a simulation as JSON-ready data, and its hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from forecasting.backtests.base import Done, Result
from forecasting.backtests.bench import settled
from forecasting.core import exposures, outcomes, tables, weighted
from forecasting.core.outcomes import Limits, Outcome
from forecasting.simulations import books, cutting, practice, telling
from forecasting.simulations.cutting import Joined
from forecasting.simulations.posing import Posed
from forecasting.simulations.telling import plain
from governance.domain.canonical import digest

NAME = "simulation"
HASH = "result_hash"
INTERVAL = {"value", "low", "high"}
FEWEST = 20  # paths of the worst 1 %, below which their spread does not tell the error of their mean


def report(request: Mapping[str, Any], posed: Posed, done: Done) -> Result:
    """Return the result; its `HASH` is of all that it says, to which the number of chunks is foreign.

    Parameters
    ----------
    request : mapping
    posed : Posed
    done : mapping
        The arrays of all units.
    """
    joined, limits = cutting.join(request, posed, done), Limits(**request["limits"])
    found = joined.outcome(posed, reserve=request["reserve"], limits=limits)
    told = {name: telling.read(done[name]) for name in telling.units(request, posed)}
    maps = {name.removeprefix("heat-"): told.pop(name) for name in telling.HEATS if name in told}
    body = {
        "kind": NAME,
        "scenario": {**request["scenario"], "deterministic": posed.world.deterministic},
        "book": _book(request, posed),
        "assumptions": [*posed.notes, *practice.of(posed), *_few(joined, posed)],
        "dataset": posed.dataset.hash,
        "paths": joined.paths,
        "hours": posed.world.hours,
        "step_hours": posed.world.step_hours,
        "seed": request["scenario"].get("seed"),
        "precise": joined.precise,
        "wanted_error": request["precise"],
        "reserve_usd": request["reserve"],
        "limits": asdict(limits),
        "market": request["market"],
        **_figures(found, posed, joined),
        "exposures": _exposures(posed),
        "heat": {"symbol": request["heat"], **maps} if maps else None,
        "contagion": None,
        **told,
    }
    said = plain(body)
    settled_body = settled(_certain(said) if posed.world.deterministic else said)
    return {**settled_body, HASH: digest(settled_body)}


def _few(joined: Joined, posed: Posed) -> list[str]:
    """Return what is to be known of an ES99 that stands on few paths."""
    tail = round(weighted.effective(joined.weights) / 100) if joined.weights is not None else joined.paths // 100
    if posed.world.deterministic or tail >= FEWEST:
        return []
    return [
        (
            f"ES99 is the mean of about {max(tail, 1)} paths; with fewer than {FEWEST} its interval is too narrow, and"
            " two seeds may differ by more than it says. Take more --paths, or --precise."
        )
    ]


def _certain(said: Any) -> Any:  # noqa: ANN401 - JSON
    """Return what is said of a path that is the only one: nothing was drawn, so no number has a sampling interval."""
    if isinstance(said, Mapping):
        told = {name: _certain(item) for name, item in said.items()}
        return told | {"low": told["value"], "high": told["value"]} if set(told) == INTERVAL else told
    return [_certain(item) for item in said] if isinstance(said, list) else said


def _figures(found: Outcome, posed: Posed, joined: Joined) -> dict[str, Any]:
    symbols = posed.book.symbols
    calm = outcomes.summarise(joined.problem(posed), joined.calm, joined.calm)
    return {
        "effective_paths": found.effective_paths,
        "error": found.error,
        "bad_debt": found.bad_debt,
        "liquidated": found.liquidated,
        "clearing_hours": found.clearing_hours,
        "protocols": [
            {"name": name, "bad_debt": summary} for name, summary in zip(posed.names, found.protocols, strict=True)
        ],
        "parties": found.parties,
        "amplification": found.amplification,
        "cascade": found.cascade,
        "ruin": found.ruin,
        "backlog": found.backlog,
        "toxic": found.toxic,
        "peak": found.peak,
        "toxic_share": found.toxic_share,
        "lost": dict(zip(symbols, found.lost, strict=True)),
        "seized": dict(zip(symbols, found.seized, strict=True)),
        "events": weighted.mean(joined.tally.totals[:, tables.EVENTS], joined.weights).value,
        "without_impact": {"liquidated": calm.liquidated, "bad_debt": calm.bad_debt},
    }


def _book(request: Mapping[str, Any], posed: Posed) -> dict[str, Any]:
    first = posed.lenders[0]
    return {
        "name": first.name,
        "accounts": sum(len(book.accounts) for book in posed.books),
        "borrowers": sum(int(book.debt.any(axis=1).sum()) for book in posed.books),
        "protocols": list(posed.names),
        "block": first.block,
        "time": first.time if request["at"] is None else request["at"],
        "collateral_usd": sum(map(books.held, posed.books)),
        "debt_usd": sum(map(books.owed, posed.books)),
        "below_one_usd": sum(float((book.debt @ book.price)[book.health_factors() < 1].sum()) for book in posed.books),
        "assets": [_asset(request, posed, r) for r in range(len(posed.book.symbols))],
    }


def _asset(request: Mapping[str, Any], posed: Posed, r: int) -> dict[str, Any]:
    symbol, depths = posed.book.symbols[r], posed.depths
    holder = next((book for book in posed.books if (book.collateral[:, r] > 0).any()), posed.book)
    return {
        "symbol": symbol,
        "price": posed.book.price[r],
        "priced_as": request["scenario"]["columns"].get(symbol, symbol),
        "depth_usd": None if r in depths.curves else depths.usd[r],
        "depth_from": depths.sources[r],
        "ltv": holder.parameters.ltv[r],
        "lt": holder.parameters.liquidation_threshold[r],
        "lb": holder.parameters.liquidation_bonus[r],
        "collateral_usd": sum(float(book.collateral[:, r].sum()) for book in posed.books) * posed.book.price[r],
        "debt_usd": sum(float(book.debt[:, r].sum()) for book in posed.books) * posed.book.price[r],
    }


def _exposures(posed: Posed) -> dict[str, Any]:
    """Return what backs what in all books together; the largest borrowers are those of the first."""
    found = [exposures.of(book) for book in posed.books]
    edges: dict[tuple[str, str], float] = {}
    for one in found:
        for edge in one.edges:
            edges[edge.collateral, edge.debt] = edges.get((edge.collateral, edge.debt), 0.0) + edge.usd
    ranked = sorted(edges.items(), key=lambda row: (-row[1], row[0]))
    return {
        **asdict(found[0]),
        "edges": [{"collateral": c, "debt": d, "usd": usd} for (c, d), usd in ranked],
        "unbacked": sum(one.unbacked for one in found),
        "debt": sum(one.debt for one in found),
    }
