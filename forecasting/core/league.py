"""The league: every model walked forward over the same rows, cut into jobs that can be done one by one.

A fit sees no outcome that ends after its row (`Sample.until` purges those), and no row after it at all, so an embargo,
which keeps rows *behind* a test window from being learnt from, has nothing to keep away here.

A job is a horizon and a model. Its result is a pure function of the data, the plan and the results of the jobs that it
`needs`, so that a run can stop anywhere, go on elsewhere, and end with the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.days import DAY, DayTable
from forecasting.core.volatility.direct import Walked, prepare, walk, zoo
from governance.errors import InputError

type Tick = Callable[[], None]

HOUR = 3600
CHAMPION = "champion"
WARM = 500  # days forecast before the first that is scored: tails learn from them
WEEK = 168  # hours between two fits of hours, of a model that is fitted every day; of others
MONTH = 720


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """How far is forecast.

    Attributes
    ----------
    name : str
    row : int
        Seconds of a row of the table that it reads.
    steps : int
        Rows whose variance is summed.
    """

    name: str
    row: int
    steps: int


HORIZONS = {
    horizon.name: horizon
    for horizon in (
        Horizon(name="1h", row=HOUR, steps=1),
        Horizon(name="1d", row=DAY, steps=1),
        Horizon(name="7d", row=DAY, steps=7),
        Horizon(name="30d", row=DAY, steps=30),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What the league reads: the days, and the hours when an hour is forecast."""

    days: DayTable
    hours: DayTable | None = None

    def table(self, horizon: Horizon) -> DayTable:
        """Return the table of a horizon's rows.

        Raises
        ------
        InputError
            When it is not there.
        """
        if horizon.row == DAY:
            return self.days
        if self.hours is None or not self.hours.ends.size:
            raise InputError(
                f"The horizon {horizon.name} needs prices by the hour or closer; leave it out.", field="horizons"
            )
        return self.hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be walked.

    Attributes
    ----------
    assets : tuple of str
        As in the data's tables.
    horizons : tuple of str
        Names of `HORIZONS`.
    first, last : int
        First and last scored day, as rows of the table of days.
    seed : int
        Of whatever is drawn.
    models : tuple of str
        Names; what they need is added.
    warm : int
        Days forecast before ``first``.
    """

    assets: tuple[str, ...]
    horizons: tuple[str, ...] = tuple(HORIZONS)
    first: int
    last: int
    seed: int = 1
    models: tuple[str, ...] = ()
    warm: int = WARM

    def __post_init__(self) -> None:
        """Refuse what is not known."""
        for field, given, known in (("horizons", self.horizons, HORIZONS), ("models", self.models, zoo())):
            for name in given:
                if name not in known:
                    raise InputError(f"{name!r} is none of the {field}: {', '.join(known)}.", field=field, value=name)
        if not 0 < self.first <= self.last:
            raise InputError(
                f"The scored days {self.first} to {self.last} are none; the first must not be the data's first day.",
                field="first",
                value=self.first,
            )


@dataclass(frozen=True, slots=True, order=True)
class Job:
    """One model over one horizon."""

    horizon: str
    model: str


def jobs(plan: Plan) -> tuple[Job, ...]:
    """Return all jobs of a plan, each after those that it needs."""
    found: dict[Job, None] = {}
    for horizon in plan.horizons:
        for model in [name for name in plan.models or models(horizon) if name in models(horizon)]:
            for job in (*needs(Job(horizon, model)), Job(horizon, model)):
                found[job] = None
    return tuple(found)


def models(horizon: str) -> tuple[str, ...]:
    """Return the names of the models that walk over a horizon, those that need others last."""
    able = [name for name, model in zoo().items() if HORIZONS[horizon].row == DAY or model.hourly]
    return tuple(sorted(able, key=lambda name: (hasattr(zoo()[name], "members"), name)))


def needs(job: Job) -> tuple[Job, ...]:
    """Return the jobs whose results a job reads: the members of a combination."""
    members = getattr(zoo()[job.model], "members", ())
    return tuple(Job(job.horizon, name) for name in members if name in models(job.horizon))


def refit(horizon: str, model: str) -> int:
    """Return the rows between two fits."""
    days = zoo()[model].refit
    if HORIZONS[horizon].row == DAY:
        return days
    return MONTH if days > 1 else WEEK


def run(job: Job, *, data: Data, plan: Plan, done: Mapping[Job, Floats], tick: Tick) -> Floats:
    """Return the (D, A) forecasts of a job; see `walked`."""
    return walked(job, data=data, plan=plan, done=done, tick=tick).forecast


def walked(job: Job, *, data: Data, plan: Plan, done: Mapping[Job, Floats], tick: Tick) -> Walked:
    """Return the (D, A) forecasts of a job: of each row (day or hour) from the rows before it; NaN where there is none.

    A combination has no fits of its own that could fail to end.

    Parameters
    ----------
    job : Job
    data : Data
    plan : Plan
    done : mapping of Job to (D, A) floats
        At least the jobs that it `needs`.
    tick : callable
        Called after each fit; whatever it raises ends the job.
    """
    horizon, model = HORIZONS[job.horizon], zoo()[job.model]
    table = data.table(horizon)
    first, last = rows(horizon, data=data, plan=plan)
    sample = prepare(table.until(last + 1), steps=horizon.steps)
    out = np.full_like(table.variance, np.nan)
    parts = {other.model: done[other][: last + 1] for other in needs(job)}
    if parts:
        out[: last + 1] = model.combine(sample, parts)  # type: ignore[attr-defined]
        return Walked(forecast=out, unfinished=np.zeros(out.shape[1], dtype=np.int64))
    found = walk(model, sample, first=first, refit=refit(job.horizon, job.model), tick=tick)
    out[: last + 1] = found.forecast
    return Walked(forecast=out, unfinished=found.unfinished)


def rows(horizon: Horizon, *, data: Data, plan: Plan) -> tuple[int, int]:
    """Return the first row that is forecast and the last, of a horizon's table."""
    ends = data.days.ends
    first, last = max(plan.first - plan.warm, 0), min(plan.last, ends.size - 1)
    if horizon.row == DAY:
        return first, last
    hours = data.table(horizon).ends
    found = np.searchsorted(hours, [ends[plan.first] - DAY, ends[last]], side="right")
    return int(found[0]), int(found[1]) - 1
