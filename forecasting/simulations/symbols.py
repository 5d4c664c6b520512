"""Names of assets as people and protocols write them, and options of the form ``A=VALUE``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from governance.errors import InputError

SAME = {"ETH": "WETH"}  # wrapped one for one: whoever sells either, sells into the same depth
LEVEL = {"WBTC": "BTC", "WETH": "ETH", "STETH": "ETH"}  # worth the same within a per cent or so; wstETH is not


def key(symbol: str) -> str:
    """Return the name under which an asset is the same one everywhere."""
    upper = symbol.strip().upper()
    return SAME.get(upper, upper)


def pairs(texts: Iterable[str], *, field: str, right: str) -> dict[str, str]:
    """Return options such as ``WETH=5e6`` by `key`.

    Parameters
    ----------
    texts : iterable of str
        Each may hold several, separated by blanks.
    field : str
        Name of the option.
    right : str
        What would be right, for the error.

    Raises
    ------
    InputError
        For one without both sides, or an asset that is named twice.
    """
    found: dict[str, str] = {}
    for text in (word for line in texts for word in line.split()):
        name, _, value = text.partition("=")
        if not name or not value or key(name) in found:
            raise InputError(f"--{field} {text} is not {right}, once for each asset.", field=field, value=text)
        found[key(name)] = value.strip()
    return found


def numbers(found: Mapping[str, str], *, field: str) -> dict[str, float]:
    """Return the values of options as positive numbers.

    Raises
    ------
    InputError
        For one that is none.
    """
    return {name: positive(value, field=f"{field} {name}") for name, value in found.items()}


def positive(text: str, *, field: str) -> float:
    """Return a positive number; ``inf`` is one.

    Raises
    ------
    InputError
        For text that is none.
    """
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(f"--{field} is {text}; write a number.", field=field, value=text) from error
    if not value > 0:
        raise InputError(f"--{field} is {text}; it must be positive.", field=field, value=text)
    return value


def column(symbols: Sequence[str], name: str, *, field: str) -> int:
    """Return the column of an asset.

    Raises
    ------
    InputError
        When no account holds or owes it.
    """
    found = [i for i, symbol in enumerate(symbols) if key(symbol) == key(name)]
    if not found:
        raise InputError(
            f"--{field} names {name}, which is not in the book; it has {', '.join(symbols)}.", field=field, value=name
        )
    return found[0]
