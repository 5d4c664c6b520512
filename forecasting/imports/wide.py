"""Wide files of positions: one row an account, and columns for each asset that it may hold or owe.

Of an asset x: ``x_decimals`` says that ``x`` (what is owed) and ``x_collateral`` are raw integers, and that ``x_price``
is in the base currency's own fixed point (18 decimals of ETH, 8 of USD). Without it ``x_amount`` or ``x_collateral``
are whole tokens, and ``x_price`` is in the base currency. Thresholds are fractions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecasting.core.realised import Stamps
from forecasting.imports.exact import Numbers, floats, numbers, plain, shifted, strings
from forecasting.imports.reference import DECIMALS, STABLE
from forecasting.imports.rows import Reader, Rows
from governance.errors import InputError, MixedUnits

POSSIBLE = frozenset(map(str, range(37)))  # decimals of a token
BASE_DECIMALS = {"ETH": 18, "USD": 8}
COMPUTED = frozenset({"diff"})  # `diff_collateral` is what a file's author found unexplained, and no asset

type Holdings = tuple[str, str, list[str], list[str], list[str]]
"""Asset, side, whole tokens, price and threshold (bps), one an account."""


def base(reader: Reader) -> str:
    """Return the currency of the totals by the column's name or a pegged token's price; empty when neither tells."""
    name = reader.found["collateral"].lower()
    for currency in BASE_DECIMALS:
        if currency.lower() in name.split("_"):
            return currency
    for asset in _assets(reader, "_decimals"):
        if asset.upper() in STABLE and f"{asset}_price" in reader.table.columns:
            usual = float(np.nanmedian(numbers(reader.column(f"{asset}_price")).values))
            return "USD" if 0.2e8 < usual < 5e8 else "ETH" if 1e13 < usual < 1e17 else ""
    return ""


def basis_points(found: Numbers) -> Numbers:
    """Return thresholds in basis points, whether a file has fractions, percent or basis points."""
    largest = float(np.nanmax(found.values, initial=0.0))
    scale = 4 if largest <= 1 else 2 if largest <= 100 else 0
    if not scale:
        return found
    text = [plain(f"{word}e{scale}") if word else "" for word in found.text]
    return Numbers(text=text, values=floats(text))


def legs(reader: Reader, micros: Stamps, accounts: list[str], books: list[str], *, base: str) -> Rows | None:
    """Return what each account holds and owes of each asset; None when the file names no asset."""
    words: dict[str, list[str]] = {name: [] for name in ("account", "book", "asset", "side", "row")}
    told: dict[str, list[str]] = {name: [] for name in ("amount", "price", "threshold")}
    stamps: list[int] = []
    for asset, side, amounts, price, threshold in _columns(reader, base):
        for index, amount in enumerate(amounts):
            if amount in {"", "0"}:
                continue
            values = (accounts[index], books[index], asset.upper(), side, str(index + 1))
            for name, value in zip(words, values, strict=True):
                words[name].append(value)
            for name, value in zip(told, (amount, price[index], threshold[index]), strict=True):
                told[name].append(value)
            stamps.append(int(micros[index]))
    if not stamps:
        return None
    return Rows(
        intent=reader.intent,
        micros=np.array(stamps, dtype=np.int64),
        words=words,
        numbers={name: Numbers(text=text, values=floats(text)) for name, text in told.items()},
        reading={"positions": "legs"},
    )


def _columns(reader: Reader, base: str) -> list[Holdings]:
    raw = _assets(reader, "_decimals")
    return [*_raw(reader, raw, base), *_whole_tokens(reader, raw), *_main(reader)]


def _raw(reader: Reader, assets: list[str], base: str) -> Iterator[Holdings]:
    columns = reader.table.columns
    for asset in assets:
        places = decimals(reader, f"{asset}_decimals", numbers(reader.column(f"{asset}_decimals")).text)
        for name, side in ((asset, "debt"), (f"{asset}_collateral", "collateral")):
            if name in columns:
                amounts = shifted(_integers(reader, name), places)
                yield _holdings(reader, asset, side, amounts, decimals=BASE_DECIMALS[base])


def _whole_tokens(reader: Reader, raw: list[str]) -> Iterator[Holdings]:
    for asset in _assets(reader, "_collateral"):
        if asset not in raw:
            amounts = _tokens(reader, asset, f"{asset}_collateral", raw=bool(raw))
            yield _holdings(reader, asset, "collateral", amounts)
    for asset in _assets(reader, "_amount"):
        yield _holdings(reader, asset, "collateral", numbers(reader.column(f"{asset}_amount")).text)


def _main(reader: Reader) -> Iterator[Holdings]:
    """Yield the asset that a file is about, whose columns do not name it."""
    columns = reader.table.columns
    if "amount" in columns and "collateral_steth_calc" in columns:
        yield _holdings(reader, "steth", "collateral", numbers(reader.column("amount")).text)
    for name in ("ethdebt", "eth_debt"):
        if name in columns:
            yield _holdings(reader, "eth", "debt", numbers(reader.column(name)).text)


def _holdings(reader: Reader, asset: str, side: str, amounts: list[str], *, decimals: int = 0) -> Holdings:
    return asset, side, amounts, _price(reader, asset, decimals), _threshold(reader, asset)


def _assets(reader: Reader, suffix: str) -> list[str]:
    names = [name.removesuffix(suffix) for name in reader.table.columns if name.endswith(suffix) and name != suffix]
    return [name for name in names if name not in COMPUTED]


def _price(reader: Reader, asset: str, decimals: int) -> list[str]:
    if f"{asset}_price" not in reader.table.columns:
        return [""] * reader.table.rows
    return shifted(numbers(reader.column(f"{asset}_price")).text, [decimals] * reader.table.rows)


def _threshold(reader: Reader, asset: str) -> list[str]:
    name = f"{asset}_threshold"
    return basis_points(numbers(reader.column(name))).text if name in reader.table.columns else [""] * reader.table.rows


def _tokens(reader: Reader, asset: str, name: str, *, raw: bool) -> list[str]:
    """Return amounts without a column of decimals: beside raw ones, cells that are all integers are raw as well.

    Raises
    ------
    InputError
        When nobody says how many decimals the asset has.
    """
    text = numbers(reader.column(name)).text
    if not raw or any("." in word for word in strings(reader.column(name))):
        return text
    said = {symbol.upper(): places for symbol, places in reader.intent.raw_decimals.items()}
    places = said.get(asset.upper(), DECIMALS.get(asset.upper(), said.get("")))
    if places is None:
        raise InputError(
            f"{reader.table.name} has raw amounts, and those of {name} are whole as well, but it does not say their"
            f" decimals; add --raw-decimals {asset.upper()}=N (0 for whole tokens).",
            field="raw_decimals",
            value=name,
        )
    return shifted(text, [places] * len(text))


def decimals(reader: Reader, column: str, text: list[str]) -> list[int]:
    """Return a column of decimals; none stated is 0.

    Raises
    ------
    InputError
        For a cell that is no number of decimals.
    """
    wrong = next((index for index, word in enumerate(text) if word and word not in POSSIBLE), None)
    if wrong is not None:
        raise InputError(
            f"{reader.table.name}, row {wrong + 1}: {column} {text[wrong]} is no number of decimals from 0 to 36.",
            field=column,
            value=text[wrong],
        )
    return [int(word or 0) for word in text]


def _integers(reader: Reader, name: str) -> list[str]:
    """Return raw integers.

    Raises
    ------
    MixedUnits
        When one of them has a fraction.
    """
    text = numbers(reader.column(name)).text
    index = next((i for i, word in enumerate(text) if "." in word), None)
    if index is not None:
        raise MixedUnits(
            f"{reader.table.name}, row {index + 1}, column {name}: {text[index]} has a fraction, but a column of"
            " decimals says that it is a raw integer; state all amounts raw, or leave the decimals out.",
            file=reader.table.name,
            row=index + 1,
            column=name,
            value=text[index],
        )
    return text
