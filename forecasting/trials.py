"""The verb of the lab's what-if form: pose a question to a book, and answer it at once.

A book is the market's at a snapshot, or that of a finished simulation. Books and answers are kept in the process by
what they depend on, so that moving a slider back costs nothing; what is not kept is worked out one question at a
time, whoever asks. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from forecasting import datasets, forecasts
from forecasting.backtests import bench as hashes
from forecasting.core import whatif
from forecasting.core.book import Book, Floats
from forecasting.core.cascade import CascadeProblem
from forecasting.core.config import TrainingConfig
from forecasting.core.whatif import Answer, Question
from forecasting.models import BacktestRun, ImportedAccount, ModelVersion, Position, Snapshot
from forecasting.selectors import row_number, simulations
from forecasting.simulations import markets, posing
from governance.errors import ConflictError, ImplausibleData, InputError
from governance.locks import turn

MOST_POSITIONS = 20_000  # of a book that is read while a visitor waits
PATIENCE = 10.0  # seconds to wait until those are answered who asked before
LOCK = "what-if"


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


def simulated(text: str) -> Source:
    """Return the book of a finished simulation as a source.

    Raises
    ------
    InputError
        When there is no such simulation.
    """
    known, done = row_number(text), simulations().filter(status=BacktestRun.Status.DONE)
    if known is None or not done.filter(pk=known).exists():
        raise InputError(f"There is no finished simulation {text[:20]!r}.", field="book", value=text[:20])
    return Source(run=known)


def bench(source: Source) -> Bench:
    """Return the book of a source, and the market that it sells into.

    Raises
    ------
    InputError
        When the book is too large to be read while somebody waits.
    DataError
        When it is no longer what it was, or must not be computed on.
    ConflictError
        When others ask more than can be answered.
    """
    return _bench(source)


def ask(source: Source, question: Question) -> Answer:
    """Return the answer to a question.

    Raises
    ------
    InputError
        For a question that cannot be asked, naming what is wrong; see `forecasting.core.whatif.answer`.
    ConflictError
        When others ask more than can be answered.
    """
    return _answer(source, question)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep every process of the site but one from reading or answering.

    Raises
    ------
    ConflictError
        When there is no turn in time.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(turn(LOCK, patience=PATIENCE))
        except ConflictError as error:
            raise ConflictError("Others are asking just now; ask again in a moment.", lock=LOCK) from error
        yield


@lru_cache(maxsize=4)
def _bench(source: Source) -> Bench:
    with _one_at_a_time():
        return _read(source)


def _read(source: Source) -> Bench:
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
    hashes.verify(run)  # nothing is read as an altered request says
    try:
        for chosen in run.request["protocols"]:
            _require_readable(_size(chosen))
        standing = posing.stand(run.request)
        found = posing.content_hash(run.request, standing)
    except KeyError as error:  # requests of other versions say other things
        raise InputError(
            f"Simulation {run.pk} was asked for with another version of the code; simulate again.", field="book"
        ) from error
    if found != run.dataset.hash:
        raise ImplausibleData(
            f"The book of simulation {run.pk} cannot be read again as it was: it is {found[:12]}, not"
            f" {run.dataset.hash[:12]}; simulate again.",
            run=run.pk,
            hash=found,
        )
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
    problem = _bench(source).problem
    with _one_at_a_time():
        return whatif.answer(problem, question)
