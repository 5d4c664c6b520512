"""`manage.py decode`: what a packed word of a protocol's storage says, field by field."""

from __future__ import annotations

import re
from typing import Any

from django.core.management.base import CommandParser

from governance.domain.rate_slot import RateSlot
from governance.domain.reserve_word import AUTO, LAYOUTS, ReserveWord
from governance.domain.units import render
from governance.domain.user_word import UserWord
from governance.errors import InputError
from governance.management.base import BreakwaterCommand

UNITS = {
    "ltv": "bps",
    "liquidationThreshold": "bps",
    "liquidationBonus": "bonus_bps",
    "reserveFactor": "bps",
    "borrowCap": "tokens",
    "supplyCap": "tokens",
    "liquidationProtocolFee": "bps",
    "unbackedMintCap": "tokens",
    "optimalUsageRatio": "bps",
    "baseVariableBorrowRate": "bps",
    "variableRateSlope1": "bps",
    "variableRateSlope2": "bps",
} | dict.fromkeys(
    (
        "active",
        "frozen",
        "borrowingEnabled",
        "stableRateBorrowingEnabled",
        "paused",
        "borrowingInIsolation",
        "siloedBorrowingEnabled",
        "flashloaningEnabled",
        "virtualAccountingEnabled",
    ),
    "flag",
)
_WORD = re.compile(r"0[xX](?P<hex>[0-9a-fA-F]{1,64})|(?P<decimal>\d{1,78})", re.ASCII)


class Command(BreakwaterCommand):
    """Decode a word."""

    help = "Decode a packed word of Aave's storage: a reserve's configuration, a rate curve, or an account's flags."
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add kind, word and layout."""
        parser.add_argument(
            "kind",
            choices=("reserve", "rates", "user"),
            help="reserve: ReserveConfigurationMap; rates: a slot of the rate strategy; user: UserConfigurationMap",
        )
        parser.add_argument("word", metavar="WORD", help="256 bits, decimal or as 0x…")
        parser.add_argument(
            "--layout",
            choices=tuple(LAYOUTS),
            default=AUTO,
            help="which version's fields a reserve's word has (default: every field that any version had)",
        )

    def handle(self, *, kind: str, word: str, layout: str, **_: Any) -> None:  # noqa: ANN401
        """Print every field."""
        fields, unknown = _decode(kind, parse(word), layout)
        data = fields | ({"unknown": hex(unknown)} if unknown else {})
        width = max(map(len, data))
        lines = [f"{name:<{width}}  {_text(name, value)}" for name, value in data.items()]
        self.answer(data, "\n".join(lines))


def parse(text: str) -> int:
    """Return the word that a person wrote, decimal or hexadecimal.

    Raises
    ------
    InputError
        When it is not a number of 256 bits.
    """
    found = _WORD.fullmatch(text.strip())
    if found is None:
        message = f"WORD is a number of 256 bits, decimal or up to 64 hexadecimal digits after 0x, not {text[:100]!r}."
        raise InputError(message, field="word", value=text[:100])
    return int(found["hex"], 16) if found["hex"] else int(found["decimal"])


def _decode(kind: str, word: int, layout: str) -> tuple[dict[str, Any], int]:
    """Return the fields of a word by name, and the bits that belong to none."""
    if kind == "user":
        user = UserWord(word)
        return {"borrowed": list(user.borrowed), "collateral": list(user.collateral)}, 0
    found = RateSlot(word) if kind == "rates" else ReserveWord(word, layout)
    return dict(found.decode()), found.unknown


def _text(name: str, value: Any) -> str:  # noqa: ANN401 - a number, a list of ids, or bits in hexadecimal
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if name not in UNITS or (UNITS[name] == "bonus_bps" and not value):  # a bonus of 0 is none, not one of -100 %
        return str(value)
    return f"{value} ({render(value, UNITS[name])})"
