"""What an asset cost at a time, for books that do not price it themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from forecasting.core.realised import HOUR
from forecasting.imports import history
from forecasting.imports.prices import USD_LIKE
from forecasting.imports.times import MICRO, show
from forecasting.models import ImportedPrice
from forecasting.simulations.symbols import LEVEL
from governance.env import env
from governance.errors import InputError, StaleData


def prices(
    names: Iterable[str], *, stated: Mapping[str, float], at: int | None, source: str, book: str
) -> dict[str, float]:
    """Return the price of each asset in USD: as stated, else as a source had it at a time.

    Parameters
    ----------
    names : iterable of str
        By `forecasting.simulations.symbols.key`.
    stated : mapping of str to float
    at : int or None
        Unix seconds; None: no time is known.
    source : str
        Imported prices; empty: none are known.
    book : str
        Name, for errors.

    Raises
    ------
    InputError
        Naming the asset of which there is no price.
    StaleData
        When its newest price by then is older than PRICE_MAX_AGE_HOURS.
    """
    return {name: stated[name] if name in stated else _price(name, at=at, source=source, book=book) for name in names}


def _price(name: str, *, at: int | None, source: str, book: str) -> float:
    right = f"say it with --price {name}=USD"
    if at is None or not source:
        why = "nor a time" if at is None else "and there are no prices to look it up in"
        when = ", or say with --at when it was" if at is None else ""
        raise InputError(f"{book} states no price of {name} in USD, {why}; {right}{when}.", field="price", value=name)
    symbol = _symbol(name, source)
    if not symbol:
        raise InputError(
            f"{book} states no price of {name}, and {source} has none; {right}.", field="price", value=name
        )
    oldest = at - env().price_max_age_hours * HOUR
    found = history.candles(source=source, assets=[symbol], since=oldest, until=at).series[0]
    if not found.ends.size:
        raise StaleData(
            f"{source} has no price of {symbol} within {env().price_max_age_hours} hours before {show(at * MICRO)};"
            f" choose another --at, or {right}.",
            asset=symbol,
        )
    return float(found.close[-1])


def _symbol(name: str, source: str) -> str:
    """Return the asset of the source whose level is that of ``name``, as the source writes it."""
    _, _, short = source.rpartition("/")
    rows = ImportedPrice.objects.filter(dataset__source=short, quote__in=USD_LIKE)
    there = {asset.upper(): asset for asset in rows.values_list("asset", flat=True).distinct()}
    return next((there[asset] for asset in (name, LEVEL.get(name, "")) if asset in there), "")
