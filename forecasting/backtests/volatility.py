"""The volatility league as a backtest: every model over every horizon, walked forward over imported prices.

A unit is one model over one horizon (`forecasting.core.league.Job`), so units of different models share nothing but the
data, and a combination needs its members alone.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from forecasting import daily
from forecasting.backtests.base import Arrays, Done, Request, Result, Tick
from forecasting.backtests.league_tables import text
from forecasting.core import league, league_report
from forecasting.core.book import Floats
from forecasting.core.days import DAY, DayTable
from forecasting.core.league import HORIZONS, Data, Job, Plan
from forecasting.core.quality import require
from forecasting.core.realised import Stamps
from forecasting.core.scoring.verdicts import MINIMUM
from forecasting.core.volatility.base import rounded
from forecasting.core.volatility.direct import zoo
from forecasting.imports.catalogue import find, newest
from forecasting.models import Dataset
from governance.errors import InputError, TooShort

DAYS = 1000
SEED = 1
SEEDS = 2**63  # what a database holds as a whole number
LEARNT = 120  # measured days of each asset before the first that is scored: the most that a model needs


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What the league reads, and what it is to do."""

    dataset: Dataset
    data: Data
    plan: Plan


class VolatilityBacktest:
    """Walk all models forward, compare them, and see what tails follow."""

    slug = "volatility"
    help = "Walk volatility models forward over imported prices, past-only; score forecasts, value at risk, shortfall."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what to read, which days to score, and which models."""
        parser.add_argument("--source", required=True, metavar="NAME", help="imported dataset of prices")
        parser.add_argument("--assets", required=True, metavar="A,B", help="symbols, separated by commas")
        parser.add_argument(
            "--days",
            type=int,
            help=f"score this many days at the most, up to --to (default: {DAYS}, or all since --from)",
        )
        parser.add_argument(
            "--from", metavar="DATE", help="first day that is scored, UTC; earlier days are learnt from"
        )
        parser.add_argument("--to", metavar="DATE", help="last day that is scored (default: the last full day)")
        parser.add_argument(
            "--horizons", default=",".join(HORIZONS), metavar="H,H", help="what to forecast (default: %(default)s)"
        )
        parser.add_argument("--models", default="", metavar="M,M", help=f"default: all: {', '.join(sorted(zoo()))}")
        parser.add_argument("--seed", type=int, default=SEED, help="seed of all draws (default: %(default)s)")

    def request(self, options: Mapping[str, Any]) -> Request:
        """Return the request: dates as unix seconds of midnight, the newest version of the dataset.

        Raises
        ------
        InputError
            For a date, number, model or horizon that is none, or an unknown dataset.
        """
        first, last = (_date(options.get(name), field=name) for name in ("from", "to"))
        days = options.get("days")
        if days is not None and days < 1:
            raise InputError(f"--days is {days}; it must be at least 1.", field="days", value=days)
        if first is not None and last is not None and last < first:
            raise InputError("--to lies before --from; swap them.", field="to", value=options["to"])
        seed = options.get("seed", SEED)
        if not 0 <= seed < SEEDS:
            raise InputError(f"--seed is {seed}; it lies between 0 and {SEEDS - 1}.", field="seed", value=seed)
        assets = _names(options["assets"], field="assets")
        horizons = _names(options.get("horizons") or ",".join(HORIZONS), field="horizons")
        models = _names(options["models"], field="models") if options.get("models") else ()
        Plan(assets=assets, horizons=horizons, models=models, first=1, last=1)  # says which names are unknown
        _require_models(horizons, models)
        return {
            "source": options["source"],
            "version": newest(find(options["source"], kind="prices")).version,
            "assets": list(assets),
            "from": first,
            "to": last,
            "days": DAYS if first is None and days is None else days,
            "horizons": list(horizons),
            "models": list(models),
            "seed": seed,
        }

    def inputs(self, request: Request) -> Prepared:
        """Read and measure the prices up to the last scored day, and find the scored days in them.

        Raises
        ------
        InputError, DataError
            When there are too few days to learn from or to score, or the prices must not be computed on.
        """
        end = None if request["to"] is None else request["to"] + DAY
        found = daily.read(source=request["source"], assets=request["assets"], last=end, version=request["version"])
        first, last = scored(found.table.ends, request)
        require(found.table.until(first), days=LEARNT, until=0)
        require(found.table.until(last + 1), days=LEARNT, until=int(found.table.ends[last]))
        plan = Plan(
            assets=tuple(request["assets"]),
            horizons=tuple(request["horizons"]),
            models=tuple(request["models"]),
            first=first,
            last=last,
            seed=request["seed"],
        )
        data = Data(days=found.table, hours=_hours(found.hourly, plan))
        for name in plan.horizons:
            data.table(HORIZONS[name])  # says which horizon these prices are too coarse for
            _require_days(name, plan)
        return Prepared(dataset=found.dataset, data=data, plan=plan)

    def units(self, request: Request, inputs: Prepared) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Return a unit for each job of the league; hours first, for they take longest."""
        jobs = sorted(league.jobs(inputs.plan), key=lambda job: -len(inputs.data.table(HORIZONS[job.horizon]).ends))
        return {_unit(job): tuple(map(_unit, league.needs(job))) for job in jobs}

    def compute(self, unit: str, *, request: Request, inputs: Prepared, done: Done, tick: Tick) -> Arrays:  # noqa: ARG002
        """Return the forecasts of one job, rounded: what stands behind the tenth digit differs between machines."""
        known = {_job(name): arrays["forecast"] for name, arrays in done.items()}
        found = league.walked(_job(unit), data=inputs.data, plan=inputs.plan, done=known, tick=tick)
        return {"forecast": _short(found.forecast), "unfinished": found.unfinished}

    def report(self, request: Request, inputs: Prepared, done: Done) -> Result:
        """Return losses, tests and tails; see `forecasting.core.league_report.report`."""
        forecasts = {_job(name): arrays["forecast"] for name, arrays in done.items()}
        unfinished = {_job(name): int(arrays["unfinished"].sum()) for name, arrays in done.items()}
        body = league_report.report(inputs.plan, inputs.data, forecasts, unfinished=unfinished)
        return {**body, "source": request["source"], "dataset": inputs.dataset.hash}

    def text(self, result: Result) -> str:
        """Return the league tables and the tails."""
        return text(result)


def scored(ends: Stamps, request: Request) -> tuple[int, int]:
    """Return the first and last scored day, as rows of a table whose days have these ends.

    Raises
    ------
    TooShort
        When the table has not that many days, or does not reach that far.
    """
    last = ends.size - 1 if request["to"] is None else int(np.searchsorted(ends, request["to"] + DAY))
    if 0 < last == ends.size and request["to"] == ends[-1]:
        last -= 1  # the day of the newest price is seldom over; what was scored says how far it went
    if last >= ends.size or last < 0:
        newest_day = _shown(int(ends[-1]) - DAY) if ends.size else "none"
        raise TooShort(f"The last full day of these prices is {newest_day}; choose an earlier --to.", field="to")
    begin, days = request["from"], request["days"]
    since = 0 if begin is None else int(np.searchsorted(ends, begin + DAY))
    first = max(since, 0 if days is None else last - days + 1)
    if first <= LEARNT or first > last:
        oldest = _shown(int(ends[0]) - DAY)
        raise TooShort(
            f"These prices have {last + 1} days from {oldest} to the last one that is scored, and models need {LEARNT}"
            " of them before the first one; score fewer days, or import more.",
            field="days" if begin is None else "from",
        )
    return first, last


def _hours(hours: DayTable, plan: Plan) -> DayTable | None:
    return hours if any(HORIZONS[name].row < DAY for name in plan.horizons) else None


def _unit(job: Job) -> str:
    return f"{job.horizon}/{job.model}"


def _job(unit: str) -> Job:
    horizon, _, model = unit.partition("/")
    return Job(horizon, model)


def _names(text: str, *, field: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(name for name in map(str.strip, text.split(",")) if name))
    if not found:
        raise InputError(f"--{field} is {text!r}, which names nothing.", field=field, value=text)
    return found


def _require_models(horizons: tuple[str, ...], models: tuple[str, ...]) -> None:
    """Check that some of ``models`` forecasts each horizon; none named: all do."""
    for name in horizons:
        if models and not set(models) & set(league.models(name)):
            message = f"None of {', '.join(models)} forecasts {name}; there are: {', '.join(league.models(name))}."
            raise InputError(message, field="models", value=list(models))


def _require_days(name: str, plan: Plan) -> None:
    """Check that enough spans of a horizon begin and end within the scored days to say anything of them."""
    horizon, days = HORIZONS[name], plan.last - plan.first + 1
    needed = MINIMUM + horizon.steps - 1 if horizon.row == DAY else -(-MINIMUM * horizon.row // DAY)
    if days < needed:
        message = f"{days} days are scored; {name} ahead needs {needed} of them for a verdict."
        raise TooShort(message, field="days", horizon=name)


def _date(text: str | None, *, field: str) -> int | None:
    """Return the unix seconds at which a day begins, None where none is given."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"--{field} is {text}; write a day as 2025-06-30.", field=field, value=text) from error
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _shown(stamp: int) -> str:
    return datetime.fromtimestamp(stamp, tz=UTC).date().isoformat()


def _short(values: Floats) -> Floats:
    out = np.full(values.shape, np.nan)
    known = np.isfinite(values)
    out[known] = [rounded(value) for value in values[known]]
    return out


KIND = VolatilityBacktest()
