"""The verb of the lab's what-if form: pose a question to a book, and answer it at once.

A book is the market's at a snapshot, or that of a finished simulation. Books and answers are kept in the process by
what they depend on, so that moving a slider back costs nothing. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from forecasting import datasets, forecasts
from forecasting.core import whatif
from forecasting.core.book import Book, Floats
from forecasting.core.cascade import CascadeProblem
from forecasting.core.config import TrainingConfig
from forecasting.core.whatif import Answer, Question
from forecasting.models import BacktestRun, ImportedAccount, ModelVersion, Position, Snapshot
from forecasting.selectors import simulations
from forecasting.simulations import markets, posing
from governance.errors import InputError

MOST_POSITIONS = 150_000  # of a book that is read while a visitor waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Whose book is asked about: a snapshot with the cascade model in use then (None: none), or a simulation.

    Attributes
    ----------
    snapshot, version, run : int or None
        Rows; ``run`` alone for a simulation.
    """

    snapshot: int | None = None
    version: int | None = None
    run: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A book that questions can be put to.

    Attributes
    ----------
    problem : CascadeProblem
        Its paths are not used.
    depth_from : str
        Where the depths are from, in words.
    block, time : int or None
        As of when the book is; None: not from a chain, or its file does not say.
    """

    problem: CascadeProblem
    depth_from: str
    block: int | None
    time: int | None


def market(snapshot: Snapshot) -> Source:
    """Return the market's book at a snapshot as a source."""
    used = ModelVersion.objects.filter(
        deployment=snapshot.deployment_id,
        kind=ModelVersion.Kind.CASCADE,
        verdict=ModelVersion.Verdict.CHAMPION,
        created_timestamp__lte=snapshot.timestamp,
    )
    version = used.order_by("created_timestamp", "pk").values_list("pk", flat=True).last()
    return Source(snapshot=snapshot.pk, version=version)


def simulated(number: str) -> Source:
    """Return the book of a finished simulation as a source.

    Raises
    ------
    InputError
        When there is no such simulation.
    """
    known = number.isascii() and number.isdigit()
    done = simulations().filter(status=BacktestRun.Status.DONE)
    if not known or not done.filter(pk=int(number)).exists():
        raise InputError(f"There is no finished simulation {number[:20]!r}.", field="book", value=number)
    return Source(run=int(number))


def bench(source: Source) -> Bench:
    """Return the book of a source, and the market that it sells into.

    Raises
    ------
    InputError
        When the book is too large to be read while somebody waits.
    DataError
        When it is no longer what it was, or must not be computed on.
    """
    return _bench(source)


def ask(source: Source, question: Question) -> Answer:
    """Return the answer to a question.

    Raises
    ------
    InputError
        For a question that cannot be asked, naming what is wrong; see `forecasting.core.whatif.answer`.
    """
    return _answer(source, question)


@lru_cache(maxsize=4)
def _bench(source: Source) -> Bench:
    if source.run is not None:
        return _of_run(simulations().get(pk=source.run))
    if source.snapshot is None:
        raise InputError("No book was named.", field="book")
    snapshot = Snapshot.objects.select_related("deployment").get(pk=source.snapshot)
    _require_readable(Position.objects.filter(snapshot=snapshot).count())
    book = datasets.book(snapshot)
    config = TrainingConfig()
    depth = np.maximum(book.total_supply * book.price * config.depth_share, 1.0)
    words = f"{config.depth_share:g} times what is supplied, as no model is in use yet"
    if source.version is not None:
        version = ModelVersion.objects.select_related("dataset").get(pk=source.version)
        config, depth = TrainingConfig.read(version.config), forecasts.depth_of(version, book.symbols)
        words = f"model version {source.version}"
    problem = CascadeProblem(book=book, paths=_still(book), step_hours=1.0, depth=depth, rules=config.rules, threads=1)
    return Bench(problem=problem, depth_from=words, block=snapshot.block_number, time=snapshot.timestamp)


def _of_run(run: BacktestRun) -> Bench:
    try:
        for chosen in run.request["protocols"]:
            _require_readable(_size(chosen))
        standing = posing.stand(run.request)
    except KeyError as error:  # requests of other versions say other things
        raise InputError(
            f"Simulation {run.pk} was asked for with another version of the code; simulate again.", field="book"
        ) from error
    told = run.result["book"]
    return Bench(
        problem=standing.on(_still(standing.book)),
        depth_from=f"as in simulation {run.pk}",
        block=told.get("block"),
        time=told.get("time"),
    )


def _still(book: Book) -> Floats:
    """Return the path on which nothing happens."""
    return np.tile(book.price, (1, 1, 1))


def _size(chosen: Mapping[str, Any]) -> int:
    """Return how many rows a chosen book has to read."""
    if "market" in chosen:
        return Position.objects.filter(snapshot=markets.snapshot(chosen)).count()
    source = str(chosen["positions"]).rpartition("/")[2]
    rows = ImportedAccount.objects.filter(dataset__source=source, dataset__kind="positions")
    return rows.filter(version__lte=chosen["version"]).count()


def _require_readable(count: int) -> None:
    if count > MOST_POSITIONS:
        raise InputError(
            f"{count:,} positions are too many to answer at once; ask `manage.py simulate` instead.", field="book"
        )


@lru_cache(maxsize=256)
def _answer(source: Source, question: Question) -> Answer:
    return whatif.answer(_bench(source).problem, question)
