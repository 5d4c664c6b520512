"""What was asked for with the options of `manage.py simulate`, as a complete, pinned request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from forecasting import worlds
from forecasting.core.cascade import CascadeRules
from forecasting.core.liquidators import Liquidators
from forecasting.core.outcomes import Limits
from forecasting.core.worlds.replays import WINDOWS
from forecasting.core.worlds.steward import MOST_HOURS
from forecasting.imports.exact import NotANumber
from forecasting.imports.times import MICRO, instant
from forecasting.simulations import books, bounds, cutting, depths, imported, linking, markets, spot, terms
from forecasting.simulations.books import Draft
from forecasting.simulations.symbols import column, key, numbers, pairs
from governance.errors import InputError

SCENARIO = "filtered"
PATHS = 2_000
MOST_PATHS = 100_000
CHUNKS = 4
MOST_CHUNKS = 64
SEED = 1


def request(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was asked for as JSON-ready data: defaults filled in, versions pinned, the scenario complete.

    Raises
    ------
    InputError
        Names the option, its value and what would be right.
    DataError
        When what it reads must not be computed on.
    """
    at, pair = _moment(options.get("at") or ""), imported.pair(options.get("as") or "")
    said = _said(options)  # before books are read, which may take minutes
    protocols = [books.choose(name) for name in wanted(options)]
    drafts = [books.draft(chosen, pair=pair, at=at) for chosen in protocols]
    symbols = tuple({key(symbol): symbol for found in reversed(drafts) for symbol in reversed(found.symbols)}.values())
    symbols = tuple(reversed(symbols))
    scenario = _scenario(options, symbols=symbols, protocols=protocols, at=at)
    books.require_current(drafts, scenario=scenario, at=at)
    if options.get("heat"):
        column(drafts[0].symbols, options["heat"], field="heat")
    return {
        "protocols": protocols,
        "as": options.get("as") or "",
        "at": at,
        "parameters": said["parameters"],
        "dollars": _dollars(drafts, stated=said["dollars"], at=at, source=_source(options, scenario)),
        "scenario": scenario,
        "depth": said["depth"],
        "quotes": depths.choose_quotes(options.get("quotes") or ""),
        "market": _market(said["market"], protocols[0], hours=scenario["hours"]),
        "receipts": linking.receipts(options.get("receipt") or [], names=[found.name for found in drafts]),
        **said["size"],
        "reserve": said["reserve"],
        "heat": key(options.get("heat") or ""),
        "explain": _account(options.get("explain") or "", drafts),
        "limits": said["limits"],
    }


def named(request: Mapping[str, Any]) -> tuple[str, ...]:
    """Return whose books a request is about: slugs of markets, and names of datasets."""
    chosen = request.get("protocols", ())
    return tuple(str(one.get("market") or one.get("positions") or "a book without a name") for one in chosen)


def _said(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what options say whatever the books are, each number in its range.

    Raises
    ------
    InputError
        Names the option, its value and what would be right.
    """
    for name in bounds.BOUNDS:
        if options.get(name) is not None:
            bounds.require(name, options[name])
    hours = options.get("hours")
    if hours is not None and not 1 <= hours <= MOST_HOURS:
        raise InputError(f"--hours is {hours}; use 1 to {MOST_HOURS}.", field="hours", value=hours)
    depth = _given(options, "depth", "ASSET=USD, such as WETH=5e7")
    bounds.by_asset(depth, bounds.DEPTH, field="depth")
    dollars = _given(options, "price", "ASSET=USD, such as WETH=1800")
    bounds.by_asset(dollars, bounds.PRICE, field="price")
    own = Limits()
    return {
        "parameters": {name: told.as_dict() for name, told in terms.read(options.get("parameters") or ()).items()},
        "depth": depth,
        "dollars": numbers(dollars, field="price"),
        "market": _told_of_market(options),
        "size": _size(options),
        "reserve": _number(options, "reserve"),
        "limits": {item.name: options.get(item.name, getattr(own, item.name)) for item in fields(own)},
    }


def wanted(options: Mapping[str, Any]) -> list[str]:
    """Return the names of the books that options ask for, the one that it is about first.

    Raises
    ------
    InputError
        When a book is named twice, or none where there are several.
    """
    if options.get("slug") and options.get("book"):
        raise InputError("Name the book once: a market, or --book SOURCE.", field="book", value=options["book"])
    first = options.get("slug") or options.get("book") or books.only()
    names = [first, *(options.get("beside") or ())]
    if len(set(names)) < len(names):
        raise InputError(f"{names[-1]} is named twice; a book beside itself counts twice.", field="beside")
    return names


def _scenario(
    options: Mapping[str, Any], *, symbols: Sequence[str], protocols: Sequence[Mapping[str, Any]], at: int | None
) -> dict[str, Any]:
    name, hours, seed = options.get("scenario") or SCENARIO, options.get("hours"), options.get("seed", SEED)
    likenesses = {
        symbols[column(symbols, asset, field="like")]: other
        for asset, other in _given(options, "like", "ASSET=OTHER, such as STETH=ETH").items()
    }
    return worlds.scenario(
        name,
        assets=symbols,
        hours=hours,
        source=options.get("prices") or _own(name, protocols[0]),
        likenesses=likenesses,
        seed=seed,
        at=at,
    )


def _own(scenario: str, first: Mapping[str, Any]) -> str:
    """Return the prices that a market collected, where a scenario may draw from them; files tell the past."""
    return f"market/{first['market']}" if "market" in first and scenario not in WINDOWS else ""


def _source(options: Mapping[str, Any], scenario: Mapping[str, Any]) -> str:
    pinned = scenario.get("dataset") or {}
    return str(options.get("prices") or pinned.get("name") or "")


def _dollars(
    drafts: Sequence[Draft], *, stated: Mapping[str, float], at: int | None, source: str
) -> dict[str, dict[str, float]]:
    """Return the prices that each book lacks, by its name."""
    wanted = {name for found in drafts for name in found.unpriced}
    for name in stated:
        if name not in wanted:
            raise InputError(
                f"--price {name}: the book prices it itself, or does not hold it; it needs prices of"
                f" {', '.join(sorted(wanted)) or 'nothing'}.",
                field="price",
                value=name,
            )
    return {
        found.name: spot.prices(
            found.unpriced, stated=stated, at=found.time if at is None else at, source=source, book=found.name
        )
        for found in drafts
    }


def _account(name: str, drafts: Sequence[Draft]) -> str:
    """Return the account that a person named, or began to name."""
    if not name:
        return ""
    found = [account for one in drafts for account in one.accounts if account.lower().startswith(name.lower())]
    if not found:
        books_read = ", ".join(one.name for one in drafts)
        raise InputError(f"--explain {name}: no account of {books_read} begins so.", field="explain", value=name)
    return found[0]


def _size(options: Mapping[str, Any]) -> dict[str, Any]:
    precise = _number(options, "precise")
    paths = options.get("paths")
    paths = (PATHS if precise is None else MOST_PATHS) if paths is None else paths
    chunks = options.get("chunks", CHUNKS)
    least = 1 if precise is None else cutting.FIRST
    if not least <= paths <= MOST_PATHS:
        wanted = "" if precise is None else " with --precise"
        raise InputError(f"--paths is {paths}; use {least} to {MOST_PATHS}{wanted}.", field="paths", value=paths)
    if not 1 <= chunks <= MOST_CHUNKS:
        raise InputError(f"--chunks is {chunks}; use 1 to {MOST_CHUNKS}.", field="chunks", value=chunks)
    return {"paths": paths, "precise": precise, "chunks": chunks}


def _told_of_market(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what options say of the market; None is what they leave to its model."""
    crew = {
        item.name: getattr(Liquidators(), item.name) if options.get(item.name) is None else options[item.name]
        for item in fields(Liquidators)
    }
    return {
        "rules": {item.name: options.get(item.name) for item in fields(CascadeRules)},
        "crew": {name: None if value == float("inf") else value for name, value in crew.items()},
        "oracle": bounds.series(
            options.get("oracle") or "", bounds.ORACLE, field="oracle", right="HOURS,FRACTION,HOURS, such as 1,0.005,0"
        ),
        "withdrawal": bounds.series(
            options.get("withdrawal") or "", bounds.WITHDRAWAL, field="withdrawal", right="SHARE,HOURS, such as 2,24"
        ),
    }


def _market(told: Mapping[str, Any], first: Mapping[str, Any], *, hours: int) -> dict[str, Any]:
    """Return what options say of the market, completed by its model.

    Raises
    ------
    InputError
        When an oracle would report nothing within the paths.
    """
    modelled = markets.depths(first) if "market" in first else None
    rules = modelled.rules if modelled else CascadeRules()
    known = {name: getattr(rules, name) if value is None else value for name, value in told["rules"].items()}
    for name, value in known.items():
        bounds.require(name, value)
    oracle = told["oracle"]
    if oracle is not None and oracle[-1] > hours:
        raise InputError(
            f"--oracle has a latency of {oracle[-1]:g} hours; no report would count within a path of {hours}.",
            field="oracle",
            value=oracle[-1],
        )
    return {**told, "rules": known}


def _number(options: Mapping[str, Any], name: str) -> float | None:
    value = options.get(name)
    return None if value is None else float(value)


def _given(options: Mapping[str, Any], field: str, right: str) -> dict[str, str]:
    return pairs(options.get(field) or (), field=field, right=right)


def _moment(text: str) -> int | None:
    if not text:
        return None
    try:
        return instant(text) // MICRO
    except NotANumber as error:
        raise InputError(f"--at is {text}; write a time as 2023-06-12T00:00.", field="at", value=text) from error
