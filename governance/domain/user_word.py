"""The word in which Aave keeps which reserves an account borrows and uses as collateral (``UserConfigurationMap``).

References
----------
Aave v3 ``UserConfiguration``: reserve ``i`` has bit ``2 i`` when it is borrowed and bit ``2 i + 1`` when it secures
debt, for up to 128 reserves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.domain import bitfield
from governance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection

RESERVES = 128


@dataclass(frozen=True, slots=True)
class UserWord:
    """An account's configuration: the word as it is stored."""

    word: int

    def __post_init__(self) -> None:
        bitfield.checked(self.word)

    @property
    def borrowed(self) -> tuple[int, ...]:
        """Ids of the reserves that the account borrows, ascending."""
        return tuple(number for number in range(RESERVES) if self.word >> 2 * number & 1)

    @property
    def collateral(self) -> tuple[int, ...]:
        """Ids of the reserves that secure the account's debt, ascending."""
        return tuple(number for number in range(RESERVES) if self.word >> 2 * number + 1 & 1)

    @classmethod
    def encode(cls, *, borrowed: Collection[int], collateral: Collection[int]) -> UserWord:
        """Return the word of an account that borrows and secures by these reserves (ids from 0 to 127).

        Raises
        ------
        InputError
            When an id is outside of that range.
        """
        word = 0
        for ids, bit in ((borrowed, 0), (collateral, 1)):
            for number in ids:
                if not 0 <= number < RESERVES:
                    message = f"A reserve's id is from 0 to {RESERVES - 1}, not {number}."
                    raise InputError(message, field="reserve", value=number)
                word |= 1 << 2 * number + bit
        return cls(word)
