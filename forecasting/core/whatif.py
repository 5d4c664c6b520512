"""What if one asset fell, under other parameters than those on chain: one drop, at once and lasting, on one path.

Nothing is drawn: the same question has the same answer. It is asked of the book as it is and of the book as it would
be, so that the difference is the parameters' alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from forecasting.core import explaining
from forecasting.core.book import BPS, Book, RiskParameters
from forecasting.core.cascade import CascadeProblem
from forecasting.core.explaining import Drop
from forecasting.core.narrative import Narrative, rounds
from governance.errors import InputError

HOURS = 24  # in which liquidators work
GRID = tuple(round(0.05 * i, 2) for i in range(17))  # drops of the curves
RUNS = 2 * 2 * (len(GRID) + 1)  # of an answer, beside the story: two cases, with and without impact, at every drop
MOST = (
    6_000_000  # holdings times hours times runs, two seconds where nearly all of a book is liquidated again and again
)

LIMITS: Mapping[str, tuple[float, float]] = {
    "drop": (0.0, 0.99),
    "threshold": (0.01, 0.99),
    "bonus": (0.0, 0.5),
    "close_factor": (0.01, 1.0),
}
LABELS: Mapping[str, str] = {
    "drop": "Price falls by",
    "threshold": "Liquidation threshold",
    "bonus": "Liquidation bonus",
    "close_factor": "Close factor",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One asset, how far it falls, and parameters in place of those on chain; all fractions.

    Attributes
    ----------
    asset : int
        Column of the book.
    drop : float
        0.3 is a fall of 30 %.
    threshold, bonus : float
        Of ``asset``.
    close_factor : float
        Share of a debt that one liquidation may repay.
    """

    asset: int
    drop: float
    threshold: float
    bonus: float
    close_factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One book under one set of parameters.

    Attributes
    ----------
    below : int
        Accounts below a health factor of 1 before any drop.
    accounts : int
        The same after the drop, before any liquidation.
    at_drop : Drop
        What the drop comes to.
    curve : tuple of Drop
        At every drop of `GRID`.
    """

    below: int
    accounts: int
    at_drop: Drop
    curve: tuple[Drop, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The book as it is, the book as it would be, and the story of the second."""

    as_it_is: Case
    as_asked: Case
    story: Narrative


def current(problem: CascadeProblem, asset: int) -> Question:
    """Return the question that changes nothing, at no drop."""
    parameters = problem.book.parameters
    return Question(
        asset=asset,
        drop=0.0,
        threshold=float(parameters.liquidation_threshold[asset]),
        bonus=float(parameters.liquidation_bonus[asset]),
        close_factor=problem.rules.close_factor,
    )


def answer(problem: CascadeProblem, question: Question) -> Answer:
    """Return what ``question`` comes to; paths, weights and steps of ``problem`` are not used.

    Raises
    ------
    InputError
        For a question that cannot be asked, naming what is wrong, and for a book too large to answer at once.
    """
    check(question)
    require_small(problem)
    posed = replace(problem, paths=_path(problem.book, question), weights=None, step_hours=1.0, threads=1)
    asked = replace(
        posed,
        book=replace(posed.book, parameters=_parameters(posed.book, question)),
        rules=replace(posed.rules, close_factor=question.close_factor),
    )
    return Answer(as_it_is=_case(posed, question), as_asked=_case(asked, question), story=rounds(asked, 0))


def require_small(problem: CascadeProblem) -> None:
    """Check that a book can be asked about while somebody waits.

    Raises
    ------
    InputError
        When an answer would take more work than `MOST`.
    """
    books = (problem.book, *(other.book for other in problem.beside))
    owing = [book.debt.any(axis=1) for book in books]
    held = sum(
        int(np.count_nonzero((book.collateral[rows] > 0) | (book.debt[rows] > 0)))
        for book, rows in zip(books, owing, strict=True)
    )
    if held * HOURS * RUNS > MOST:
        accounts = sum(int(np.count_nonzero(rows)) for rows in owing)
        raise InputError(
            f"{accounts:,} accounts that owe something, with {held:,} balances, are too many to answer at once (at most"
            f" {MOST // (HOURS * RUNS):,} balances); ask `manage.py simulate` instead.",
            field="book",
            value=accounts,
        )


def check(question: Question) -> None:
    """Check that a question can be asked.

    Raises
    ------
    InputError
        Naming the first field that is wrong, and what would be right.
    """
    for name, (low, high) in LIMITS.items():
        value = getattr(question, name)
        if not low <= value <= high:
            raise InputError(
                f"{LABELS[name]}: {100 * value:.6g} %. It must be {100 * low:g} % to {100 * high:g} %.",
                field=name,
                value=value,
            )
    if question.threshold * (1 + question.bonus) >= 1:
        raise InputError(
            f"{LABELS['threshold']}: {100 * question.threshold:.6g} %. With a bonus of {100 * question.bonus:.6g} %"
            f" each liquidation leaves an account worse; it must be below {100 / (1 + question.bonus):.2f} %.",
            field="threshold",
            value=question.threshold,
        )


def _parameters(book: Book, question: Question) -> RiskParameters:
    return book.parameters.changed(
        reserve=question.asset,
        changes={
            "liquidation_threshold": round(question.threshold * BPS),
            "liquidation_bonus": BPS + round(question.bonus * BPS),
        },
    )


def _path(book: Book, question: Question) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    prices = np.tile(np.asarray(book.price, dtype=np.float64), (1, HOURS, 1))
    prices[:, :, question.asset] *= 1.0 - question.drop
    return prices


def _case(problem: CascadeProblem, question: Question) -> Case:
    book = problem.book
    found = explaining.by_drop(problem, reserves=[question.asset], drops=[*GRID, question.drop])
    fallen = replace(book, price=problem.paths[0, 0])
    return Case(
        below=int(np.count_nonzero(book.health_factors() < 1.0)),
        accounts=int(np.count_nonzero(fallen.health_factors() < 1.0)),
        at_drop=found[-1],
        curve=found[:-1],
    )
