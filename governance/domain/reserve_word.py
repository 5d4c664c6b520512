"""The word in which Aave keeps a reserve's configuration (``ReserveConfigurationMap.data``), bit by bit.

Versions took fields away and never moved one, so a layout is the full one less what its version no longer reads. Bits
that a layout does not name are kept: a word that is decoded and encoded again is the same word.

References
----------
Aave v2 and v3 ``ReserveConfiguration`` and ``DataTypes``: the positions, and the holes since 3.2 (stable rate, mode),
3.4 (unbacked mints) and 3.7 (isolation, siloed borrowing). Since 3.4 the bit of virtual accounting is always set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.domain import bitfield
from governance.domain.bitfield import Field
from governance.domain.rules import VERSIONS
from governance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS: Mapping[str, Field] = {
    "ltv": Field(0, 16),  # basis points, as the next two; the bonus as 10_000 + bonus
    "liquidationThreshold": Field(16, 16),
    "liquidationBonus": Field(32, 16),
    "decimals": Field(48, 8),
    "active": Field(56, 1),
    "frozen": Field(57, 1),
    "borrowingEnabled": Field(58, 1),
    "stableRateBorrowingEnabled": Field(59, 1),
    "paused": Field(60, 1),
    "borrowingInIsolation": Field(61, 1),
    "siloedBorrowingEnabled": Field(62, 1),
    "flashloaningEnabled": Field(63, 1),
    "reserveFactor": Field(64, 16),  # basis points
    "borrowCap": Field(80, 36),  # whole tokens, 0 for none; as the next
    "supplyCap": Field(116, 36),
    "liquidationProtocolFee": Field(152, 16),  # basis points
    "eModeCategory": Field(168, 8),
    "unbackedMintCap": Field(176, 36),  # whole tokens
    "debtCeiling": Field(212, 40),  # USD with 2 decimals
    "virtualAccountingEnabled": Field(252, 1),
}
V2_BITS = 80
AUTO = "auto"
_V2_FIELDS = (
    "ltv",
    "liquidationThreshold",
    "liquidationBonus",
    "decimals",
    "active",
    "frozen",
    "borrowingEnabled",
    "stableRateBorrowingEnabled",
    "reserveFactor",
)
_SINCE = {"virtualAccountingEnabled": "3.1"}
_UNTIL = {  # the last version that reads the field
    "stableRateBorrowingEnabled": "3.1",
    "eModeCategory": "3.1",
    "unbackedMintCap": "3.3",
    "borrowingInIsolation": "3.6",
    "siloedBorrowingEnabled": "3.6",
    "debtCeiling": "3.6",
}


def _fields_of(version: str) -> dict[str, Field]:
    return {
        name: field
        for name, field in FIELDS.items()
        if _SINCE.get(name, VERSIONS[0]) <= version <= _UNTIL.get(name, VERSIONS[-1])
    }


LAYOUTS: Mapping[str, Mapping[str, Field]] = {
    AUTO: FIELDS,
    "v2": {name: FIELDS[name] for name in _V2_FIELDS},
} | {f"v{version}": _fields_of(version) for version in VERSIONS}


def layout_of(name: str) -> Mapping[str, Field]:
    """Return the fields that a layout names; ``"auto"`` names every field that any version had.

    Raises
    ------
    InputError
        When there is no such layout.
    """
    if name not in LAYOUTS:
        message = f"There is no layout {name!r}; there are {', '.join(LAYOUTS)}."
        raise InputError(message, field="layout", value=name)
    return LAYOUTS[name]


@dataclass(frozen=True, slots=True)
class ReserveWord:
    """A reserve's configuration: the word as it is stored, and the layout by which it is read."""

    word: int
    layout: str = AUTO

    def __post_init__(self) -> None:
        bitfield.checked(self.word)
        layout_of(self.layout)

    def decode(self) -> dict[str, int]:
        """Return every field's value by name: basis points, whole tokens, flags as 0 and 1."""
        return bitfield.decode(self.word, layout_of(self.layout))

    @property
    def unknown(self) -> int:
        """Bits that the layout does not name, at their places in the word."""
        return bitfield.unknown(self.word, layout_of(self.layout))

    def replace(self, **values: int) -> ReserveWord:
        """Return the word with ``values`` in their fields; every other bit stays, named or not.

        Raises
        ------
        InputError
            When there is no such field, or a value does not fit it.
        """
        return ReserveWord(bitfield.replace(self.word, layout_of(self.layout), values), self.layout)

    @classmethod
    def encode(cls, fields: Mapping[str, int], *, unknown: int = 0, layout: str = AUTO) -> ReserveWord:
        """Return the word of ``fields`` (those that are not given are 0) and of the bits that no field has.

        Raises
        ------
        InputError
            When there is no such field, a value does not fit it, or ``unknown`` has a bit of a field.
        """
        return cls(bitfield.assemble(layout_of(layout), fields, unknown=unknown), layout)

    def changes_to(self, other: ReserveWord) -> dict[str, tuple[int, int]]:
        """Return the fields whose values differ in ``other``, with both values."""
        after = other.decode()
        return {name: (value, after[name]) for name, value in self.decode().items() if after[name] != value}
