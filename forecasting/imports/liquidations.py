"""Liquidations: of lending markets, one a row; of perpetuals, one an account, or the volume of an interval.

Amounts are whole tokens; raw integers are taken with ``--raw-decimals``. A perpetual's notional stands as its debt in
USD. An interval's volume gives one row a side, zeros included: nothing liquidated is known, not missing.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal

import numpy as np

from forecasting.imports.exact import Numbers, floats, plain
from forecasting.imports.rows import Intent, Reader, Rows
from forecasting.imports.sheets import Sheet, sheet
from forecasting.imports.tables import Table
from forecasting.models import ImportedLiquidation
from governance.errors import InputError

ALIASES = {
    "time": ("ts", "timestamp", "date", "datetime", "block_timestamp", "block_time"),
    "block": ("block_number", "blocknumber"),
    "tx": ("tx_hash", "transaction_hash", "hash", "transaction"),
    "log_index": ("logindex", "log"),
    "account": ("user", "borrower", "liquidated_user", "address"),
    "liquidator": ("keeper",),
    "collateral": ("collateral_asset", "collateral_symbol", "coll", "collateral_reserve"),
    "collateral_amount": ("coll_amt", "coll_amount", "collateral_amt", "seized", "liquidated_collateral_amount"),
    "collateral_usd": ("coll_usd", "collateral_amount_usd", "seized_usd"),
    "debt": ("debt_asset", "debt_symbol", "principal", "principal_reserve"),
    "debt_amount": ("debt_amt", "repaid", "debt_to_cover", "principal_amount"),
    "debt_usd": ("repaid_usd", "debt_amount_usd", "principal_usd"),
    "notional": ("liquidated_ntl_pos", "notional_usd"),
    "side": ("leverage_type",),
    "long": ("liq_long_eth", "liq_long_btc", "liq_long", "long_liquidations"),
    "short": ("liq_short_eth", "liq_short_btc", "liq_short", "short_liquidations"),
    "ask": ("best_ask",),
    "bid": ("best_bid",),
}
NUMBERS = ("collateral_amount", "collateral_usd", "debt_amount", "debt_usd", "price", "block")
WORDS = ("tx", "log_index", "account", "liquidator", "side", "collateral", "debt")
CONTENT = {
    "block_number": "block",
    "tx_hash": "tx",
    **{name: name for name in ("account", "liquidator", "side", "collateral")},
    **{name: name for name in ("collateral_amount", "collateral_usd", "debt", "debt_amount", "debt_usd", "price")},
}


def read(table: Table, intent: Intent) -> Rows:
    """Return a file's liquidations.

    Raises
    ------
    InputError, ImplausibleData
        When a column is missing or cannot be read.
    """
    reader = Reader(table, intent, ALIASES)
    reader.need("time")
    micros, reading = reader.times()
    if reader.has("long", "short"):
        return _volumes(reader, micros, reading)
    if reader.has("notional"):
        return _notionals(reader, micros, reading)
    reader.need("account", "collateral", "collateral_amount", "debt", "debt_amount")
    words = {
        name: reader.words(name, required=name in {"account", "collateral", "debt"}) for name in WORDS if name != "side"
    }
    numbers = {f"{name}_amount": reader.tokens(f"{name}_amount", words[name]) for name in ("collateral", "debt")}
    numbers |= {
        name: reader.numbers(name, required=False)
        for name in ("collateral_usd", "debt_usd", "block")
        if reader.has(name)
    }
    return Rows(
        intent=intent,
        micros=micros,
        words=words,
        numbers=numbers,
        reading=reading | reader.reading() | {"events": "chain", "chain": intent.chain, "rows": "one liquidation each"},
    )


def sheets(rows: Rows) -> list[Sheet]:
    """Return the rows for the database."""
    size = rows.micros.size
    blank = [""] * size
    told = {name: rows.numbers[name].text if name in rows.numbers else blank for name in NUMBERS}
    told |= {name: rows.words.get(name, blank) for name in WORDS}
    content = {column: told[name] for column, name in CONTENT.items()}
    stamps = list(map(str, rows.micros.tolist()))
    return [
        sheet(
            ImportedLiquidation,
            key={"timestamp": stamps, "identity": _identities(told, content)},
            content=content,
            optional=frozenset({"block_number", "price"} | {name for name in NUMBERS if "_" in name}),
            numbers=_numbers(rows),
        )
    ]


def _notionals(reader: Reader, micros: np.ndarray, reading: dict[str, object]) -> Rows:
    return Rows(
        intent=reader.intent,
        micros=micros,
        words={
            "account": reader.words("account"),
            "side": [word.lower() for word in reader.words("side", required=False)],
        },
        numbers={"debt_usd": reader.numbers("notional")},
        reading=reading
        | reader.reading()
        | {"events": "venue", "rows": "one liquidated position each, notional in USD"},
    )


def _volumes(reader: Reader, micros: np.ndarray, reading: dict[str, object]) -> Rows:
    """Return two rows an interval, the longs' and the shorts' volume, with the mid price beside them."""
    column = reader.found["long"]
    asset = reader.intent.asset or column.removeprefix("liq_long_").upper() * column.startswith("liq_long_")
    if not asset:
        raise InputError(
            f"{reader.table.name} does not say what was liquidated; name it with --asset SYMBOL.", field="asset"
        )
    long, short = reader.numbers("long").text, reader.numbers("short").text
    amounts = [*long, *short]
    numbers = {"collateral_amount": Numbers(text=amounts, values=floats(amounts))}
    if reader.has("ask", "bid"):
        asks, bids = reader.numbers("ask").text, reader.numbers("bid").text
        mids = [plain(format((Decimal(a) + Decimal(b)) / 2, "f")) for a, b in zip(asks, bids, strict=True)] * 2
        numbers["price"] = Numbers(text=mids, values=floats(mids))
    count = len(long)
    facts = {"events": "venue", "rows": "volume of an interval, one row a side", "intervals": count}
    return Rows(
        intent=reader.intent,
        micros=np.concatenate([micros, micros]),
        words={"side": ["long"] * count + ["short"] * count, "collateral": [asset] * (2 * count)},
        numbers=numbers,
        reading=reading | reader.reading() | facts,
    )


def _numbers(rows: Rows) -> list[int]:
    count = rows.reading.get("intervals", rows.micros.size)
    return [index % int(str(count)) + 1 for index in range(rows.micros.size)]


def _identities(told: dict[str, list[str]], content: dict[str, list[str]]) -> list[str]:
    """Return what tells liquidations apart: transaction and log, or else all that the row says."""
    rows = zip(*content.values(), strict=True)
    return [
        f"{tx}:{log}" if tx and log else hashlib.sha256("\t".join(row).encode()).hexdigest()[:32]
        for tx, log, row in zip(told["tx"], told["log_index"], rows, strict=True)
    ]
