"""`manage.py fit`: fit what the cascade engine takes from data; so far, how much a sale costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import CommandParser

from forecasting import impact
from forecasting.core import liquidity
from forecasting.impact import Fitted
from governance.errors import InputError
from governance.management.base import BreakwaterCommand

SIZES = (1, 10, 100)  # parts of the largest quote whose impact is shown


class Command(BreakwaterCommand):
    """Fit depth curves to quotes."""

    help = "Fit curves of price impact by amount sold to imported quotes, and judge them on quotes that were left out."
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to fit, to which quotes, and how to judge it."""
        parser.add_argument("what", choices=("impact",), help="what to fit")
        parser.add_argument("dataset", nargs="?", default="", help="imported quotes (default: the only ones)")
        parser.add_argument("--source", default="", metavar="NAME", help="the same, by the name of its source")
        parser.add_argument(
            "--against", default=impact.AGAINST, metavar="TOKEN", help="what tokens are sold for (default: %(default)s)"
        )
        parser.add_argument(
            "--folds",
            type=int,
            default=impact.FOLDS,
            help="parts, each of which is left out once (default: %(default)s)",
        )
        parser.add_argument("--seed", type=int, default=impact.SEED, help="seed of the parts (default: %(default)s)")
        parser.add_argument("--test", type=Path, metavar="FILE", help="quotes to judge the curves on as well")

    def handle(self, *, dataset: str, source: str, against: str, **options: Any) -> None:  # noqa: ANN401
        """Fit, judge and report.

        Raises
        ------
        InputError
            When the quotes are named twice, or there are too few folds.
        """
        if dataset and source and dataset != source:
            raise InputError("Name the quotes once, as DATASET or with --source.", field="source", value=source)
        quotes = impact.dataset(dataset or source)
        fitted = impact.fit(quotes, against=against, folds=options["folds"], seed=options["seed"], test=options["test"])
        data = {
            "dataset": quotes.name,
            "against": against,
            "folds": options["folds"],
            "repeats": impact.REPEATS,
            "unit": "mean absolute error in basis points, on quotes that were left out",
            "tokens": {token: _rounded(row.errors) for token, row in fitted.items()},
            "quotes": {token: row.quotes for token, row in fitted.items()},
            "curves": {token: _curve(row) for token, row in fitted.items()},
        }
        if options["test"] is not None:
            data["test"] = {token: _rounded(row.unseen) for token, row in fitted.items() if row.tested}
            data["tested"] = {token: row.tested for token, row in fitted.items() if row.tested}
        self.answer(data, _text(quotes.name, against, fitted))


def _rounded(errors: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in errors.items()}


def _curve(row: Fitted) -> dict[str, object]:
    tail = row.curve.depth
    return {
        "amount": row.curve.amount.tolist(),
        "impact": [float(f"{share:.6g}") for share in row.curve.share],
        "tail_depth": float(f"{tail:.10g}") if np.isfinite(tail) else None,
    }


def _text(name: str, against: str, fitted: dict[str, Fitted]) -> str:
    fits = tuple(liquidity.FITS)
    tested = any(row.tested for row in fitted.values())
    head = f"  {'':8}{'quotes':>7}" + "".join(f"{fit:>18}" for fit in fits)
    lines = [f"{name}, sold for {against}: mean absolute error in basis points, on quotes left out.", head]
    lines += [f"  {token:8}{row.quotes:>7}" + _cells(row.errors, fits) for token, row in fitted.items()]
    if tested:
        lines += ["On the quotes of the file:", head]
        lines += [
            f"  {token:8}{row.tested:>7}" + _cells(row.unseen, fits) for token, row in fitted.items() if row.tested
        ]
    lines.append("Impact of selling 1/100, 1/10 and all of the largest quote, basis points:")
    lines += [f"  {token:8}" + "  ".join(_sizes(row)) for token, row in fitted.items()]
    return "\n".join(lines)


def _cells(errors: dict[str, float], fits: tuple[str, ...]) -> str:
    return "".join(f"{errors[fit]:>18.1f}" for fit in fits)


def _sizes(row: Fitted) -> list[str]:
    amounts = row.curve.amount[-1] / np.array(SIZES[::-1], dtype=np.float64)
    shares = row.curve.impact(amounts) * liquidity.BPS
    return [f"{amount:,.4g} cost {share:,.0f}" for amount, share in zip(amounts, shares, strict=True)]
