"""What an asset without prices of its own is priced as: by one table, which every result prints.

A likeness says that two prices move alike, not that they are equal: staked ether is worth more than ether, and is taken
to gain and lose with it in proportion.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from governance.errors import InputError

USD = "USD"  # does not move
ETHER = ("ETH", "WETH")
BITCOIN = ("BTC", "WBTC")
ALIKE: Mapping[str, tuple[str, ...]] = {
    "WETH": ("ETH",),
    "ETH": ("WETH",),
    "STETH": ETHER,
    **dict.fromkeys(("WSTETH", "CBETH", "RETH", "WEETH", "OSETH", "EZETH", "ETHX"), ("STETH", *ETHER)),
    "WBTC": ("BTC",),
    "BTC": ("WBTC",),
    **dict.fromkeys(("CBBTC", "TBTC", "LBTC"), BITCOIN),
    "WSOL": ("SOL",),
    "WBNB": ("BNB",),
    "WAVAX": ("AVAX",),
    "WMATIC": ("MATIC", "POL"),
    "SDAI": ("DAI",),
}
STABLE = frozenset(
    {
        *("USDC", "USDT", "DAI", "USDC.E", "USDBC", "USDS", "SDAI", "PYUSD", "GHO", "FRAX", "LUSD", "TUSD", "BUSD"),
        *("USDP", "SUSD", "GUSD", "CRVUSD", "FDUSD", "USDE", "RLUSD", "FEI", "USD"),
    }
)
PEGS = (ETHER, BITCOIN)  # what other assets promise to follow
WRAPS: Mapping[str, str] = {"WSTETH": "STETH", "SDAI": "DAI"}  # a fixed, or growing, number of the other token


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How a column of a book is priced.

    Attributes
    ----------
    symbol : str
        As the book has it.
    of : str
        The asset whose prices are taken, as the source has it; `USD`: it does not move.
    why : str
        A sentence; empty where these are the asset's own prices.
    """

    symbol: str
    of: str
    why: str


def resolve(
    symbols: Sequence[str],
    *,
    known: Collection[str],
    said: Mapping[str, str],
    short: Mapping[str, str] | None = None,
) -> tuple[Column, ...]:
    """Return how each column is priced.

    Parameters
    ----------
    symbols : sequence of str
    known : collection of str
        Assets whose prices can be used.
    said : mapping of str to str
        What a person said: symbol, and the asset that it is priced as.
    short : mapping of str to str
        Assets that have prices of their own which cannot be used, each with the reason.

    Raises
    ------
    InputError
        Naming the asset that nothing prices, or that a person named in vain.
    """
    names = {name.upper(): name for name in known}
    wanted = {symbol.upper(): symbol for symbol in symbols}
    for symbol, other in said.items():
        if symbol.upper() not in wanted:
            raise InputError(
                f"--like {symbol}={other}: {symbol} is not in the book, which has {', '.join(symbols)}.",
                field="like",
                value=symbol,
            )
    own = {symbol.upper(): other for symbol, other in said.items()}
    return tuple(_column(symbol, names, own.get(symbol.upper()), short or {}) for symbol in symbols)


def _column(symbol: str, names: Mapping[str, str], said: str | None, short: Mapping[str, str]) -> Column:
    if said is not None:
        return _said(symbol, said, names)
    key = symbol.upper()
    if key in names:
        return Column(symbol=symbol, of=names[key], why="")
    reason = short.get(key, "no prices of its own")
    for other in ALIKE.get(key, ()):
        if other in names:
            return Column(symbol=symbol, of=names[other], why=f"{symbol} moves as {names[other]} does ({reason}).")
    if key in STABLE:
        return Column(symbol=symbol, of=USD, why=f"{symbol} is worth what it is now, in USD, throughout ({reason}).")
    have = ", ".join(sorted(names.values())) or "none"
    raise InputError(
        f"{symbol} has no usable prices ({reason}); there are prices of {have}. Import some, or say what moves like it:"
        f" --like {symbol}=ETH (USD: it does not move).",
        field="like",
        value=symbol,
    )


def _said(symbol: str, said: str, names: Mapping[str, str]) -> Column:
    if said.upper() == USD:
        return Column(symbol=symbol, of=USD, why=f"{symbol} is worth what it is now, in USD, throughout, as was said.")
    for other in (said.upper(), *ALIKE.get(said.upper(), ())):
        if other in names:
            return Column(symbol=symbol, of=names[other], why=f"{symbol} moves as {names[other]} does, as was said.")
    have = ", ".join(sorted(names.values())) or "none"
    raise InputError(
        f"--like {symbol}={said}: there are no usable prices of {said}; there are prices of {have} (USD: it does not"
        " move).",
        field="like",
        value=said,
    )


def family(symbol: str) -> str:
    """Return what an asset is, or promises to follow, other than a dollar: ``ETH``, ``BTC``, or its own name."""
    key = symbol.upper()
    return next((pair[0] for pair in PEGS if key in pair or set(ALIKE.get(key, ())) & set(pair)), key)


def peg_of(symbol: str) -> str:
    """Return what an asset promises to follow: ``ETH``, ``BTC``, `USD`, or nothing."""
    key = symbol.upper()
    if key in STABLE:
        return USD
    family = next((pair for pair in PEGS if key not in pair and set(ALIKE.get(key, ())) & set(pair)), None)
    return family[0] if family else ""
