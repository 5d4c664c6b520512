"""What a competition of the league's models computes: forecasts out of sample, final fits, and how each one did.

Nothing is registered here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import partial
from threading import Event
from typing import Any

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.days import DAY, DayTable
from forecasting.core.league import HORIZONS, Data, Horizon, Job, Plan, jobs, needs, run
from forecasting.core.scoring import compare, qlike
from forecasting.core.volatility.direct import prepare, zoo
from forecasting.core.volatility.har_levels import NAMES as HAR_LEVELS
from forecasting.fields import WARM, Field, Settings, require_long_enough
from governance.errors import ConflictError

type Progress = Callable[[int, int, str], None]

BASELINE = "log_har"  # cannot fail to fit; what a champion falls back to
CONTENDER = "champion"  # the combination that was fixed beforehand; only it is put to the gate unasked
FIELD = "garch_t"  # what others use
NAMES = "names"  # under which a fit tells the regressors that it reads; a fit that does not reads these:
PLAIN = {"ewma": ("variance",), "garch_t": ("change",), "gjr_t": ("change",), "har": HAR_LEVELS}
PULSE = 5.0  # seconds between two signs of life


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one model did, JSON-ready but for its arrays.

    Attributes
    ----------
    name : str
    parameters : dict
        Final fits by horizon: of the model, or of the members that it combines.
    evidence : dict
        ``assets``, and by horizon ``ends, realised, change`` and ``forecast``.
    metrics : dict
    features : list of str
        What its fits read of each row.
    """

    name: str
    parameters: dict[str, Any]
    evidence: dict[str, Any]
    metrics: dict[str, Any]
    features: list[str]


def compete(
    field: Field,
    *,
    settings: Settings,
    seed: int,
    names: Sequence[str] = (),
    threads: int = 1,
    progress: Progress = lambda *_: None,
) -> tuple[Entry, ...]:
    """Walk models forward over a field and fit them to all of it; the same bytes for any number of threads.

    Parameters
    ----------
    field : Field
    settings : Settings
    seed : int
    names : sequence of str
        Models to enter, with those that they combine; empty: all.
    threads : int
        Jobs done side by side.
    progress : callable

    Raises
    ------
    TooShort
        When no day can be forecast out of sample.
    """
    require_long_enough(field)
    plan = plan_of(field, settings=settings, seed=seed, names=names)
    work = jobs(plan)
    single = [job for job in work if not needs(job)]
    combined = [job for job in work if needs(job)]  # of the others' forecasts
    done: dict[Job, Floats] = {}
    told, stop = _Teller(progress, total=len(work) + len(single)), Event()
    walk = partial(_walk, data=field.data, plan=plan, done=done, stop=stop)
    with ThreadPoolExecutor(threads) as pool:
        try:
            for part in (single, combined):
                done.update(_side_by_side(pool, walk, part, told=told))
            fits = dict(_side_by_side(pool, partial(_fit, field=field), single, told=told))
        finally:
            stop.set()  # whatever ended it, a time limit or Ctrl-C, no thread goes on
    entered = names or sorted({job.model for job in work})
    return tuple(_entry(name, field=field, plan=plan, done=done, fits=fits) for name in entered)


def plan_of(field: Field, *, settings: Settings, seed: int, names: Sequence[str] = ()) -> Plan:
    """Return the plan of a competition: the newest days, and nothing before them that is not learnt from alone."""
    days = field.data.days.ends.size
    return Plan(
        assets=field.data.days.assets,
        horizons=settings.horizons,
        first=max(days - settings.days, WARM),
        last=days - 1,
        seed=seed,
        models=tuple(names),
        warm=0,
    )


def cost(parameters: object) -> int:
    """Return how many numbers were learnt."""
    if isinstance(parameters, np.ndarray):
        return int(parameters.size)
    if isinstance(parameters, Mapping):
        return sum(cost(value) for value in parameters.values())
    if isinstance(parameters, list | tuple):
        return sum(cost(value) for value in parameters)
    return int(isinstance(parameters, int | float))


def _side_by_side[R](
    pool: ThreadPoolExecutor, work: Callable[[Job], R], items: Sequence[Job], *, told: Callable[..., None]
) -> Iterator[tuple[Job, R]]:
    """Yield each job with its result as they end; tell what ended, and that it goes on."""
    waiting = {pool.submit(work, job): job for job in items}
    while waiting:
        ended: set[Future[R]] = wait(waiting, timeout=PULSE, return_when=FIRST_COMPLETED).done
        for future in ended:
            job = waiting.pop(future)
            yield job, future.result()
            told(1, text=f"{job.model} {job.horizon}")
        if not ended:
            told(0)


def _walk(job: Job, *, data: Data, plan: Plan, done: Mapping[Job, Floats], stop: Event) -> Floats:
    return run(job, data=data, plan=plan, done=done, tick=partial(_look, stop))


def _look(stop: Event) -> None:
    """Raise when the work must end."""
    if stop.is_set():
        raise ConflictError("The competition was stopped.")


def _fit(job: Job, *, field: Field) -> dict[str, Any]:
    horizon = HORIZONS[job.horizon]
    sample = prepare(field.data.table(horizon), steps=horizon.steps)
    return dict(zoo()[job.model].fit(sample).parameters)


def _entry(
    name: str, *, field: Field, plan: Plan, done: Mapping[Job, Floats], fits: Mapping[Job, dict[str, Any]]
) -> Entry:
    where = [horizon for horizon in plan.horizons if Job(horizon, name) in done]
    learnt = {}
    for horizon in where:
        parts = needs(Job(horizon, name))  # fitted already, as a combination fits them
        learnt[horizon] = {part.model: fits[part] for part in parts} if parts else fits[Job(horizon, name)]
    told = {horizon: _evidence(name, HORIZONS[horizon], field=field, plan=plan, done=done) for horizon in where}
    return Entry(
        name=name,
        parameters=learnt,
        evidence={"assets": list(plan.assets), "horizons": told},
        metrics=_metrics(name, field=field, plan=plan, done=done),
        features=sorted({read for horizon in where for read in _reads(name, learnt[horizon])}),
    )


def _reads(name: str, learnt: object) -> set[str]:
    """Return what a model reads of each row, with all that its members read."""
    if not isinstance(learnt, Mapping):
        return set()
    own = {*PLAIN.get(name, ()), *learnt.get(NAMES, ())}
    return own.union(*(_reads(part, value) for part, value in learnt.items()))


def _evidence(name: str, horizon: Horizon, *, field: Field, plan: Plan, done: Mapping[Job, Floats]) -> dict[str, Any]:
    table = field.data.table(horizon)
    start = first_row(field.data.days, table, plan)
    return {
        "ends": table.ends[start:].astype("<i8"),
        "realised": table.ahead(horizon.steps)[start:],
        "change": table.change[start:],
        "forecast": done[Job(horizon.name, name)][start:],
    }


def first_row(days: DayTable, table: DayTable, plan: Plan) -> int:
    """Return the row of ``table`` with which the first scored day begins."""
    return int(np.searchsorted(table.ends, days.ends[plan.first] - DAY, side="right"))


def _metrics(name: str, *, field: Field, plan: Plan, done: Mapping[Job, Floats]) -> dict[str, Any]:
    rival = FIELD if name == BASELINE else BASELINE
    found = {}
    for horizon in [one for one in plan.horizons if Job(one, name) in done]:
        steps = HORIZONS[horizon].steps
        realised = field.data.table(HORIZONS[horizon]).ahead(steps)
        ours = qlike(realised, done[Job(horizon, name)])
        theirs = (
            qlike(realised, done[Job(horizon, rival)]) if Job(horizon, rival) in done else np.full_like(ours, np.nan)
        )
        found[horizon] = [
            {"symbol": asset, "used": name, **_against(ours[:, a], theirs[:, a], seed=plan.seed, block=10 + 2 * steps)}
            for a, asset in enumerate(plan.assets)
        ]
    first = next(iter(found), "")
    told = {"loss": "qlike", "model": name, "baseline": rival, "days": plan.last - plan.first + 1}
    return {**told, "horizon": first, "assets": found.get(first, []), "horizons": found}


def _against(ours: Floats, theirs: Floats, *, seed: int, block: int) -> dict[str, Any]:
    known = np.isfinite(ours)
    if not known.any():
        return {"n": 0, "beats": False}
    told = {"qlike": ours[known].mean(), "median": np.median(ours[known]), "worst": ours[known].max()}
    numbers: dict[str, Any] = {key: round(float(value), 8) for key, value in told.items()}
    both = np.isfinite(ours + theirs)
    if both.sum() < block or (ours[both] == theirs[both]).all():
        return {**numbers, "n": int(known.sum()), "beats": False}
    test = compare(ours, theirs, seed=seed, block=block)
    return {**numbers, **{key: round(value, 8) for key, value in asdict(test).items()}, "beats": test.beats}


class _Teller:
    """Counts what is done into one progress report."""

    def __init__(self, progress: Progress, *, total: int) -> None:
        self.progress, self.total, self.done, self.text = progress, total, 0, ""

    def __call__(self, count: int, *, text: str = "") -> None:
        """Tell that ``count`` more jobs have ended; 0: that it goes on."""
        self.done, self.text = self.done + count, text or self.text
        self.progress(self.done, self.total, self.text)
