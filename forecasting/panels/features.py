"""What the features of warnings are called on pages."""

from __future__ import annotations

from collections.abc import Mapping

NAMES: Mapping[str, str] = {
    "reach": "Debt that a usual move of prices reaches, all assets",
    "reach_first": "The same of the first asset alone",
    "pressure": "How much is liquidated for what hangs below the price",
    "volatility": "Volatility, a day's half-life",
    "recent": "Liquidated within as many hours as are foreseen",
    "met": "Whether the target just came true",
    "funding": "What longs pay on perpetuals",
    "funding_all": "What longs pay on perpetuals, all assets",
    "perpetuals_liquidated": "Longs liquidated on perpetuals",
    "depth": "Depth of the market",
}
STEMS: tuple[tuple[str, str], ...] = (
    ("liquidated_", "Liquidated in the last {}"),
    ("return_", "Return of the last {}"),
    ("drawdown_", "Fall from the high of the last {}"),
    ("near_debt_", "Debt within {} % of liquidation"),
    ("near_", "What hangs within {} rungs below the price"),
    ("funding_change_", "Change of what longs pay in {}"),
    ("interest_change_", "Change of open interest in {}"),
    ("structural_", "The simulator's own probability, {}"),
)
"""Beginnings of names; the first that fits is taken."""
UNITS: Mapping[str, str] = {"h": "hours", "d": "days"}


def feature(name: str) -> str:
    """Return a feature in words; its name where nobody wrote any."""
    if name in NAMES:
        return NAMES[name]
    for stem, words in STEMS:
        if name.startswith(stem):
            return words.format(_span(name.removeprefix(stem)))
    return name.replace("_", " ")


def _span(text: str) -> str:
    number, unit = text[:-1], text[-1:]
    return f"{number} {UNITS[unit]}" if number.isdigit() and unit in UNITS else text.replace("_", " ")
