"""Several protocols on one depth: what they lose together, what each would lose alone, and what receipts pass on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forecasting.backtests.base import Tick
from forecasting.core import contagion
from forecasting.core.contagion import Receipt
from forecasting.simulations import cutting
from forecasting.simulations.posing import Posed
from forecasting.simulations.symbols import column
from governance.errors import InputError

STUDIED = 1_000  # paths on which each protocol is run alone


def study(request: Mapping[str, Any], posed: Posed, *, tick: Tick) -> dict[str, Any]:
    """Return contagion as JSON-ready data, over the first paths; see `forecasting.core.contagion.study`."""
    tick()
    first, last = cutting.stages(request, posed)[0]
    count = min(last - first, STUDIED)
    links = tuple(
        Receipt(
            token=posed.book.symbols[column(posed.book.symbols, one["token"], field="receipt")],
            issuer=posed.names.index(one["issuer"]),
            underlying=posed.book.symbols[column(posed.book.symbols, one["underlying"], field="receipt")],
        )
        for one in request["receipts"]
    )
    return {**contagion.study(posed.problem(0, count), posed.names, links=links), "paths": count}


def receipts(texts: list[str], *, names: list[str]) -> list[dict[str, str]]:
    """Return what ``--receipt TOKEN=BOOK:ASSET`` says: a token that is a claim on an asset supplied to a book.

    Raises
    ------
    InputError
        When one says something else, or names no book that is simulated.
    """
    found = []
    for text in texts:
        token, _, rest = text.partition("=")
        issuer, _, underlying = rest.rpartition(":")
        if not token or not issuer or not underlying:
            raise InputError(
                f"--receipt {text} is not TOKEN=BOOK:ASSET, such as aUSDC=lending-2023-06:USDC.",
                field="receipt",
                value=text,
            )
        full = [name for name in names if name == issuer or name.rpartition("/")[2] == issuer]
        if not full:
            raise InputError(
                f"--receipt {text}: there is no book {issuer} in this simulation; there are {', '.join(names)}.",
                field="receipt",
                value=text,
            )
        found.append({"token": token, "issuer": full[0], "underlying": underlying})
    return found
