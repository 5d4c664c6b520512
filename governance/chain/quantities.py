"""The smallest parts of what nodes answer."""

from __future__ import annotations

from typing import NoReturn

from governance.errors import DishonestAnswer


def quantity(value: object, what: str) -> int:
    """Return the integer that a ``0x…`` quantity says; raises `DishonestAnswer` for anything else."""
    if not isinstance(value, str) or not value.startswith("0x"):
        nonsense(what, value)
    try:
        return int(value, 16)
    except ValueError:
        nonsense(what, value)


def octets(value: object, what: str) -> bytes:
    """Return the bytes of ``0x…`` data; raises `DishonestAnswer` for anything else."""
    if not isinstance(value, str) or not value.startswith("0x"):
        nonsense(what, value)
    try:
        return bytes.fromhex(value[2:])
    except ValueError:
        nonsense(what, value)


def nonsense(what: str, value: object) -> NoReturn:
    """Raise `DishonestAnswer` for an answer that cannot be one."""
    raise DishonestAnswer(f"The node's answer to {what} makes no sense: {str(value)[:200]!r}.", method=what)
