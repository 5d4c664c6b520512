"""Quotes of an aggregator: so much of one token for so much of another. Amounts are whole tokens."""

from __future__ import annotations

from forecasting.imports.rows import Intent, Reader, Rows
from forecasting.imports.sheets import Sheet, sheet
from forecasting.imports.tables import Table
from forecasting.models import ImportedQuote

ALIASES = {
    "time": ("ts", "timestamp", "date", "datetime"),
    "sold": ("src", "from", "token_in", "sell_token", "from_token"),
    "bought": ("dst", "to", "token_out", "buy_token", "to_token"),
    "amount_in": ("in_amount", "amountin", "sell_amount"),
    "amount_out": ("out_amount", "amountout", "buy_amount"),
    "price_impact": ("impact", "slippage"),
}


def read(table: Table, intent: Intent) -> Rows:
    """Return a file's quotes.

    Raises
    ------
    InputError, ImplausibleData
        When a column is missing or cannot be read.
    """
    reader = Reader(table, intent, ALIASES)
    reader.need("time", "sold", "bought", "amount_in", "amount_out")
    micros, reading = reader.times()
    sold, bought = reader.words("sold"), reader.words("bought")
    named = ("amount_in", "amount_out", *(("price_impact",) if reader.has("price_impact") else ()))
    return Rows(
        intent=intent,
        micros=micros,
        words={"sold": sold, "bought": bought, "pair": [f"{a} for {b}" for a, b in zip(sold, bought, strict=True)]},
        numbers={name: reader.numbers(name, required=name != "price_impact") for name in named},
        reading=reading | reader.reading() | {"rows": "one quote each; price impact as a fraction, fee included"},
    )


def sheets(rows: Rows) -> list[Sheet]:
    """Return the rows for the database."""
    size = rows.micros.size
    impact = rows.numbers["price_impact"].text if "price_impact" in rows.numbers else [""] * size
    return [
        sheet(
            ImportedQuote,
            key={
                "timestamp": list(map(str, rows.micros.tolist())),
                "sold": rows.words["sold"],
                "bought": rows.words["bought"],
                "amount_in": rows.numbers["amount_in"].text,
            },
            content={"amount_out": rows.numbers["amount_out"].text, "price_impact": impact},
            optional=frozenset({"price_impact"}),
            numbers=range(1, size + 1),
        )
    ]
