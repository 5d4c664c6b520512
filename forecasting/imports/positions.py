"""Positions of borrowers: totals an account (wide files may name assets besides), or one row an account and asset.

Totals are in the book's base currency, USD or ETH, as the names of the columns or the scale of the prices say.
"""

from __future__ import annotations

import numpy as np

from forecasting.core.realised import Stamps
from forecasting.imports import wide
from forecasting.imports.exact import Numbers, floats, shifted
from forecasting.imports.rows import Intent, Reader, Rows
from forecasting.imports.sheets import Sheet, sheet
from forecasting.imports.tables import Table
from forecasting.models import ImportedAccount, ImportedLeg
from governance.errors import InputError

ALIASES = {
    "time": ("ts", "timestamp", "date", "datetime", "block_timestamp"),
    "block": ("block_number", "blocknumber"),
    "account": ("user", "address", "borrower", "owner"),
    "collateral": ("collateral_usd", "collateral_eth", "collateral_base", "total_collateral"),
    "debt": ("debt_usd", "debt_eth", "debt_base", "total_debt"),
    "threshold": ("lt_bps", "liquidation_threshold", "liquidation_threshold_bps", "lt"),
    "ltv": ("ltv_bps", "max_ltv"),
    "health_factor": ("healthf", "hf", "health"),
    "emode": ("e_mode", "emode_category"),
    "asset": ("token", "symbol", "reserve"),
    "side": ("type", "position_side"),
    "amount": ("balance", "quantity"),
    "decimals": ("token_decimals",),
    "price": ("asset_price", "token_price"),
}
TOTALS = ("collateral", "debt", "threshold", "ltv", "health_factor", "block", "emode")
SIDES = {
    **dict.fromkeys(("collateral", "deposited", "deposit", "supplied", "supply", "asset"), "collateral"),
    **dict.fromkeys(("debt", "borrowed", "borrow", "owed", "liability"), "debt"),
}


def read(table: Table, intent: Intent) -> Rows:
    """Return a file's positions.

    Raises
    ------
    InputError, ImplausibleData
        When a column is missing or cannot be read, or the base currency is not told.
    """
    reader = Reader(table, intent, ALIASES)
    reader.need("account")
    micros, reading = _times(reader)
    return _long(reader, micros, reading) if reader.has("asset", "side", "amount") else _wide(reader, micros, reading)


def sheets(rows: Rows) -> list[Sheet]:
    """Return the rows for the database: accounts and legs."""
    legs = rows if rows.reading["positions"] == "long" else rows.legs
    made = [_accounts(rows)]
    if legs is not None and legs.micros.size:
        blank = [""] * legs.micros.size
        told = {name: legs.numbers[name].text if name in legs.numbers else blank for name in ("price", "threshold")}
        made.append(
            sheet(
                ImportedLeg,
                key={name: legs.words[name] for name in ("book", "account")}
                | {"timestamp": list(map(str, legs.micros.tolist()))}
                | {name: legs.words[name] for name in ("asset", "side")},
                content={
                    "amount": legs.numbers["amount"].text,
                    "price": told["price"],
                    "threshold_bps": told["threshold"],
                },
                optional=frozenset({"price", "threshold_bps"}),
                numbers=[int(word) for word in legs.words["row"]],
            )
        )
    return made


def _accounts(rows: Rows) -> Sheet:
    stamps = list(map(str, rows.micros.tolist()))
    index, named = list(range(rows.micros.size)), set(TOTALS)
    if rows.reading["positions"] == "long":  # one row an account and time, not one a leg; a leg's threshold is its own
        index = list(dict(zip(zip(rows.words["account"], stamps, strict=True), index, strict=True)).values())
        named = {"block"}
    blank = [""] * rows.micros.size
    told = {name: rows.numbers[name].text if name in named and name in rows.numbers else blank for name in TOTALS}

    def pick(column: list[str]) -> list[str]:
        return [column[i] for i in index]

    return sheet(
        ImportedAccount,
        key={"book": pick(rows.words["book"]), "account": pick(rows.words["account"]), "timestamp": pick(stamps)},
        content={
            "block_number": pick(told["block"]),
            "base": pick(rows.words["base"]),
            "collateral": pick(told["collateral"]),
            "debt": pick(told["debt"]),
            "threshold_bps": pick(told["threshold"]),
            "ltv_bps": pick(told["ltv"]),
            "health_factor": pick(told["health_factor"]),
            "emode": [word or "0" for word in pick(told["emode"])],
        },
        optional=frozenset({"block_number", "collateral", "debt", "threshold_bps", "ltv_bps", "health_factor"}),
        numbers=[i + 1 for i in index],
    )


def _times(reader: Reader) -> tuple[Stamps, dict[str, object]]:
    if reader.has("time"):
        return reader.times()
    at = reader.intent.at or 0
    told = "--at" if at else "not stated"
    return np.full(reader.table.rows, at, dtype=np.int64), {"time": {"column": "", "unit": told, "zone": "UTC"}}


def _book(reader: Reader) -> list[str]:
    name = reader.intent.book or reader.table.name.rpartition(".")[0] or reader.table.name
    return [name] * reader.table.rows


def _long(reader: Reader, micros: Stamps, reading: dict[str, object]) -> Rows:
    sides = [SIDES.get(word.lower(), "") for word in reader.words("side")]
    if "" in sides:
        row = sides.index("")
        raise InputError(
            f"{reader.table.name}, row {row + 1}: {reader.words('side')[row]!r} is no side; use collateral or debt.",
            field="side",
            value=reader.words("side")[row],
        )
    amounts = reader.numbers("amount")
    if reader.has("decimals"):
        text = shifted(amounts.text, wide.decimals(reader, "decimals", reader.numbers("decimals").text))
        amounts = Numbers(text=text, values=floats(text))
    numbers = {"amount": amounts}
    numbers |= {name: reader.numbers(name, required=False) for name in ("price", "block") if reader.has(name)}
    if reader.has("threshold"):
        numbers["threshold"] = wide.basis_points(reader.numbers("threshold", required=False))
    return Rows(
        intent=reader.intent,
        micros=micros,
        words={
            "account": reader.words("account"),
            "asset": reader.words("asset"),
            "side": sides,
            "book": _book(reader),
            "base": [reader.intent.quote] * reader.table.rows,
            "row": [str(index + 1) for index in range(reader.table.rows)],
        },
        numbers=numbers,
        reading=reading | reader.reading() | {"positions": "long", "rows": "one account and asset each"},
    )


def _wide(reader: Reader, micros: Stamps, reading: dict[str, object]) -> Rows:
    reader.need("collateral", "debt")
    base = reader.intent.quote.upper() or wide.base(reader)
    if not base:
        raise InputError(
            f"{reader.table.name} does not say whether its totals are in USD or ETH; say --quote USD or --quote ETH.",
            field="quote",
            value=reader.found["collateral"],
        )
    numbers = {
        name: reader.numbers(name, required=name in {"collateral", "debt"}) for name in TOTALS if reader.has(name)
    }
    for name in ("threshold", "ltv"):
        if name in numbers:
            numbers[name] = wide.basis_points(numbers[name])
    accounts, books = reader.words("account"), _book(reader)
    events = {"events": "chain", "chain": reader.intent.chain} if reader.has("time") else {}
    legs = wide.legs(reader, micros, accounts, books, base=base)
    return Rows(
        intent=reader.intent,
        micros=micros,
        words={"account": accounts, "book": books, "base": [base] * reader.table.rows},
        numbers=numbers,
        reading=reading | reader.reading() | events | {"positions": "wide", "rows": "one account each", "base": base},
        legs=legs,
    )
