"""What was asked for with the options of `manage.py simulate`, as a complete, pinned request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from forecasting import worlds
from forecasting.core.cascade import CascadeRules
from forecasting.core.liquidators import Liquidators
from forecasting.core.outcomes import Limits
from forecasting.core.worlds.replays import WINDOWS
from forecasting.imports.exact import NotANumber
from forecasting.imports.times import MICRO, instant
from forecasting.simulations import books, cutting, depths, imported, linking, markets, spot, terms
from forecasting.simulations.books import Draft
from forecasting.simulations.symbols import column, key, numbers, pairs
from governance.errors import InputError

SCENARIO = "filtered"
PATHS = 2_000
MOST_PATHS = 100_000
MOST_HOURS = 90 * 24
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
    protocols = [books.choose(name) for name in _names(options)]
    drafts = [books.draft(chosen, pair=pair, at=at) for chosen in protocols]
    symbols = tuple({key(symbol): symbol for found in reversed(drafts) for symbol in reversed(found.symbols)}.values())
    symbols = tuple(reversed(symbols))
    scenario = _scenario(options, symbols=symbols, protocols=protocols, at=at)
    books.require_current(drafts, scenario=scenario, at=at)
    if options.get("heat"):
        column(drafts[0].symbols, options["heat"], field="heat")
    stated = numbers(_given(options, "price", "ASSET=USD, such as WETH=1800"), field="price")
    return {
        "protocols": protocols,
        "as": options.get("as") or "",
        "at": at,
        "parameters": {name: told.as_dict() for name, told in terms.read(options.get("parameters") or ()).items()},
        "dollars": _dollars(drafts, stated=stated, at=at, source=_source(options, scenario)),
        "scenario": scenario,
        "depth": _given(options, "depth", "ASSET=USD, such as WETH=5e7"),
        "quotes": depths.choose_quotes(options.get("quotes") or ""),
        "market": _market(options, protocols[0]),
        "receipts": linking.receipts(options.get("receipt") or [], names=[found.name for found in drafts]),
        **_size(options),
        "reserve": _positive(options, "reserve"),
        "heat": key(options.get("heat") or ""),
        "explain": _account(options.get("explain") or "", drafts),
        "limits": asdict(_limits(options)),
    }


def _names(options: Mapping[str, Any]) -> list[str]:
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
    if hours is not None and not 1 <= hours <= MOST_HOURS:
        raise InputError(f"--hours is {hours}; use 1 to {MOST_HOURS}.", field="hours", value=hours)
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
    precise = _positive(options, "precise")
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


def _market(options: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules of the market, complete."""
    modelled = markets.depths(first) if "market" in first else None
    rules = modelled.rules if modelled else CascadeRules()
    told = {item.name: options.get(item.name) for item in fields(CascadeRules)}
    crew = {
        item.name: getattr(Liquidators(), item.name) if options.get(item.name) is None else options[item.name]
        for item in fields(Liquidators)
    }
    Liquidators(**crew)  # says what is wrong with it
    known = {name: getattr(rules, name) if value is None else value for name, value in told.items()}
    for name, value in known.items():
        share = name in {"close_factor", "full_close_below", "permanent_share"}
        if not 0 <= value <= (1 if share else 1e12) or (name == "half_life_hours" and not value):
            raise InputError(f"--{name} is {value}; it must be {'0 to 1' if share else 'positive'}.", field=name)
    return {
        "rules": known,
        "crew": {name: None if value == float("inf") else value for name, value in crew.items()},
        "oracle": _floats(options.get("oracle") or "", count=3, field="oracle", right="HOURS,FRACTION,HOURS"),
        "withdrawal": _floats(options.get("withdrawal") or "", count=2, field="withdrawal", right="SHARE,HOURS"),
    }


def _floats(text: str, *, count: int, field: str, right: str) -> list[float] | None:
    if not text:
        return None
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) != count or not all(0 <= value < float("inf") for value in found):
        raise InputError(f"--{field} is {text}; write {right}, numbers of at least 0.", field=field, value=text)
    return found


def _limits(options: Mapping[str, Any]) -> Limits:
    found = Limits(
        amplification=options.get("amplification", Limits().amplification),
        rounds=options.get("rounds", Limits().rounds),
    )
    if not found.amplification >= 1 or found.rounds < 1:
        raise InputError("--amplification and --rounds must be at least 1.", field="amplification")
    return found


def _positive(options: Mapping[str, Any], name: str) -> float | None:
    value = options.get(name)
    if value is not None and not 0 < value < float("inf"):
        raise InputError(f"--{name} is {value}; it must be a positive number.", field=name, value=value)
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
