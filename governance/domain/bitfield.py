"""Fields packed into one 256-bit word of a contract's storage, found and replaced without losing a bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.domain.units import MAX_UINT256
from governance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its lowest bit, and how many bits it has."""

    at: int
    width: int

    @property
    def largest(self) -> int:
        """The largest value that fits."""
        return (1 << self.width) - 1

    @property
    def mask(self) -> int:
        """The field's bits in the word."""
        return self.largest << self.at


def checked(word: int) -> int:
    """Return ``word``, which must fit 256 bits.

    Raises
    ------
    InputError
        When it does not.
    """
    if not 0 <= word <= MAX_UINT256:
        raise InputError(f"A word has 256 bits: 0 to 2**256 - 1, not {word}.", field="word", value=word)
    return word


def decode(word: int, layout: Mapping[str, Field]) -> dict[str, int]:
    """Return every field's value in ``word``, by name."""
    return {name: word >> field.at & field.largest for name, field in layout.items()}


def known(layout: Mapping[str, Field]) -> int:
    """Return all bits that fields of ``layout`` have."""
    found = 0
    for field in layout.values():
        found |= field.mask
    return found


def unknown(word: int, layout: Mapping[str, Field]) -> int:
    """Return the bits of ``word`` that no field of ``layout`` has, at their places."""
    return word & ~known(layout)


def replace(word: int, layout: Mapping[str, Field], values: Mapping[str, int]) -> int:
    """Return ``word`` with ``values`` in place of what their fields held; all other bits stay.

    Raises
    ------
    InputError
        When there is no such field, or a value does not fit it.
    """
    for name, value in values.items():
        field = layout.get(name)
        if field is None:
            message = f"The word has no field {name!r}; it has {', '.join(layout)}."
            raise InputError(message, field=name, value=value)
        if not 0 <= value <= field.largest:
            message = f"{name} has {field.width} bits: 0 to {field.largest}, not {value}."
            raise InputError(message, field=name, value=value)
        word = word & ~field.mask | value << field.at
    return word


def assemble(layout: Mapping[str, Field], values: Mapping[str, int], *, unknown: int) -> int:
    """Return the word of ``values`` and of the bits ``unknown`` to every field.

    Raises
    ------
    InputError
        As `replace` does, and when ``unknown`` has a bit of a field.
    """
    named = checked(unknown) & known(layout)
    if named:
        message = f"The bits 0x{named:x} belong to fields of the word; give those by name."
        raise InputError(message, field="unknown", value=unknown)
    return replace(unknown, layout, values)
