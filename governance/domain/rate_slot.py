"""The slot in which Aave's default rate strategy (since 3.1) keeps a reserve's interest rate curve, bit by bit.

References
----------
Aave v3 ``DefaultReserveInterestRateStrategyV2._interestRateData`` and ``IDefaultInterestRateStrategyV2``: four
integers in basis points, packed from the lowest bit on. The strategy computes in rays, 1e23 a basis point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.domain import bitfield
from governance.domain.bitfield import Field

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS: Mapping[str, Field] = {
    "optimalUsageRatio": Field(0, 16),
    "baseVariableBorrowRate": Field(16, 32),
    "variableRateSlope1": Field(48, 32),
    "variableRateSlope2": Field(80, 32),
}
RAYS_PER_BPS = 10**23


@dataclass(frozen=True, slots=True)
class RateSlot:
    """A reserve's rate curve: the word as it is stored. All fields are basis points a year, or of use."""

    word: int

    def __post_init__(self) -> None:
        bitfield.checked(self.word)

    def decode(self) -> dict[str, int]:
        """Return every field's value by name, in basis points."""
        return bitfield.decode(self.word, FIELDS)

    @property
    def unknown(self) -> int:
        """Bits above the four fields, at their places in the word."""
        return bitfield.unknown(self.word, FIELDS)

    @property
    def max_variable_borrow_rate(self) -> int:
        """The rate at full use, in basis points: base and both slopes."""
        return sum(value for name, value in self.decode().items() if name != "optimalUsageRatio")

    def rays(self) -> dict[str, int]:
        """Return every field's value, and the rate at full use as ``maxVariableBorrowRate``, in rays."""
        fields = self.decode() | {"maxVariableBorrowRate": self.max_variable_borrow_rate}
        return {name: value * RAYS_PER_BPS for name, value in fields.items()}

    def replace(self, **values: int) -> RateSlot:
        """Return the word with ``values`` (basis points) in their fields; every other bit stays.

        Raises
        ------
        InputError
            When there is no such field, or a value does not fit it.
        """
        return RateSlot(bitfield.replace(self.word, FIELDS, values))

    @classmethod
    def encode(cls, fields: Mapping[str, int], *, unknown: int = 0) -> RateSlot:
        """Return the word of ``fields`` (those that are not given are 0) and of the bits above them.

        Raises
        ------
        InputError
            When there is no such field, a value does not fit it, or ``unknown`` has a bit of a field.
        """
        return cls(bitfield.assemble(FIELDS, fields, unknown=unknown))
