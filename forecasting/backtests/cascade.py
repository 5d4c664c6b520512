"""Warnings of liquidations as a backtest: the model, its challenger and the baselines, walked forward hour by hour.

A unit is one target and one forecaster, or one target's leak tests.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from forecasting import hourly_features
from forecasting.backtests.base import Arrays, Done, Request, Result, Tick
from forecasting.backtests.cascade_tables import text
from forecasting.core.days import DAY
from forecasting.core.realised import HOUR
from forecasting.core.warning import leaks, report, walkforward
from forecasting.core.warning.events import Target
from forecasting.core.warning.features import Features, Hours, tables
from forecasting.core.warning.report import BASELINES, MODEL, PARTS
from forecasting.core.warning.walkforward import FIRST, Forecasts, Protocol
from forecasting.hourly_features import Prepared
from governance.errors import InputError, TooShort

SEED = 1
HORIZONS = "6,24"
AMOUNT = 1_000_000.0
LEAST_AMOUNT = 1_000.0
MOST_AMOUNT = 1e15
BOOKS = "positions/NAME, quotes/NAME, market/SLUG: debt near liquidation, depth, simulator (default: imported; or none)"
LEARNT = 2 / 3  # of what is known, when no test is named: the test begins with the month in which that is reached
BOOSTED = "boosted"
LEAKS = "leaks"
FORECASTERS = (MODEL, BOOSTED, *PARTS, *BASELINES)


class CascadeBacktest:
    """Walk warnings forward over imported liquidations and hourly prices."""

    slug = "cascade"
    help = "Walk early warnings of liquidations forward over imported liquidations and hourly prices; score them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what to read, what to foresee, and which time to test."""
        parser.add_argument(
            "--source", default="", metavar="NAME", help="imported dataset of prices (default: the longest)"
        )
        parser.add_argument(
            "--liquidations", default="", metavar="A,B", help="imported datasets of liquidations (default: all)"
        )
        parser.add_argument(
            "--assets", default="", metavar="A,B", help="symbols; the first counts most (default: ETH and others)"
        )
        parser.add_argument(
            "--funding",
            default="",
            metavar="A,B",
            help="imported datasets of funding and open interest (default: all; none: without)",
        )
        parser.add_argument("--books", default="", metavar="A,B", help=BOOKS)
        parser.add_argument("--horizons", default=HORIZONS, metavar="H,H", help="hours (default: %(default)s)")
        parser.add_argument("--usd", type=float, default=AMOUNT, help="amount to foresee (default: %(default).0f)")
        parser.add_argument(
            "--train-until", default="", metavar="DATE", help="learn up to the end of this day, and never again"
        )
        parser.add_argument(
            "--test", default="", metavar="A..B", help="first and last day that are scored (default: the last third)"
        )
        parser.add_argument("--seed", type=int, default=SEED, help="seed of all draws (default: %(default)s)")

    def request(self, options: Mapping[str, Any]) -> Request:
        """Return the request: versions of datasets, and times as unix seconds.

        Raises
        ------
        InputError
            For a date, number or name that is none.
        """
        usd = AMOUNT if options.get("usd") is None else float(options["usd"])
        if not LEAST_AMOUNT <= usd <= MOST_AMOUNT:
            raise InputError(
                f"--usd is {usd:g}; it must be {LEAST_AMOUNT:,.0f} to {MOST_AMOUNT:,.0f}.", field="usd", value=usd
            )
        horizons = _horizons(options.get("horizons") or HORIZONS)
        chosen = hourly_features.choose(
            prices=options.get("source") or "",
            liquidations=_names(options.get("liquidations")),
            assets=_names(options.get("assets")),
            funding=_names(options.get("funding")),
            books=_names(options.get("books")),
            foreseen=[Target(hours=hours, usd=usd) for hours in horizons],
        )
        until, test = _window(options.get("train_until") or "", options.get("test") or "")
        return {
            **chosen,
            "horizons": horizons,
            "usd": usd,
            "train_until": until,
            "test": test,
            "seed": options.get("seed", SEED),
        }

    def inputs(self, request: Request) -> Prepared:
        """Read the hours.

        Raises
        ------
        InputError, DataError
            When the data must not be computed on, or leaves nothing to learn from or to test.
        """
        found = hourly_features.read(request)
        for target in targets(request):
            protocol(target, request, found.hours)
        return found

    def units(self, request: Request, inputs: Prepared) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Return a unit for each target and forecaster, the long ones first, and one for each target's leak tests."""
        names = (BOOSTED, LEAKS, MODEL, *PARTS, *BASELINES)
        return {f"{target.name}/{name}": () for name in names for target in targets(request)}

    def compute(self, unit: str, *, request: Request, inputs: Prepared, done: Done, tick: Tick) -> Arrays:  # noqa: ARG002
        """Return the forecasts of one forecaster, or what the leak tests found."""
        name, _, forecaster = unit.partition("/")
        target = next(target for target in targets(request) if target.name == name)
        hours, plan = inputs.hours, protocol(target, request, inputs.hours)
        tick()
        features = tables(hours, horizons=(target.hours,))[target.hours]
        if forecaster == LEAKS:
            ahead = leaks.ahead(features, plan, hours=hours, tick=tick)
            shuffled = leaks.shuffled(features, plan, hours=hours, seed=request["seed"], tick=tick)
            return {"ahead": np.array([ahead]), "shuffled": shuffled}
        found = _forecast(forecaster, features, plan, hours=hours, seed=request["seed"], tick=tick)
        return {"chance": found.chance, "raw": found.raw, "odds": found.odds}

    def report(self, request: Request, inputs: Prepared, done: Done) -> Result:
        """Return what is said of each target; see `forecasting.core.warning.report`."""
        said: dict[str, Any] = {}
        shown: dict[str, Any] = {}
        for target in targets(request):
            plan = protocol(target, request, inputs.hours)
            forecasts = {
                name: Forecasts(**{key: done[f"{target.name}/{name}"][key] for key in ("chance", "raw", "odds")})
                for name in FORECASTERS
            }
            row = report.target(plan, forecasts, hours=inputs.hours, seed=request["seed"])
            found = done[f"{target.name}/{LEAKS}"]
            row["features"] = report.beside(plan, forecasts[MODEL], hours=inputs.hours)
            row["leaks"] = report.leak_tests(found["shuffled"], float(found["ahead"][0]), model=row[MODEL])
            said[target.name] = row
            shown[target.name] = report.series(plan, forecasts, hours=inputs.hours, ends=inputs.hours.ends)
        first, last = protocol(targets(request)[0], request, inputs.hours).test
        return {
            "kind": self.slug,
            "sources": inputs.sources,
            "dataset": inputs.dataset.hash,
            "from": int(inputs.hours.ends[first]) - HOUR,
            "to": int(inputs.hours.ends[last - 1]),
            "train_until": request["train_until"],
            "block_days": walkforward.BLOCK * HOUR // DAY,
            "meaning": dict(report.MEANING),
            "targets": said,
            "series": shown,
            "seed": request["seed"],
        }

    def text(self, result: Result) -> str:
        """Return a table of forecasters for each target."""
        return text(result)


def targets(request: Request) -> tuple[Target, ...]:
    """Return what is to be foreseen."""
    return tuple(Target(hours=hours, usd=request["usd"]) for hours in request["horizons"])


def protocol(target: Target, request: Request, hours: Hours) -> Protocol:
    """Return which hours are learnt from and tested.

    Raises
    ------
    TooShort
        When there are none.
    """
    first, last = hours.first, hours.last
    window = request["test"] or [_default_start(hours), int(hours.ends[last])]
    begin = int(np.searchsorted(hours.ends, window[0], side="right"))
    stop = min(int(np.searchsorted(hours.ends, window[1], side="right")), last + 1)
    frozen = None
    if request["train_until"] is not None:
        frozen = min(int(np.searchsorted(hours.ends, request["train_until"], side="right")) - 1, begin - 1)
    learnt = (begin if frozen is None else frozen) - first
    if learnt < FIRST or stop - begin <= target.hours:
        raise TooShort(
            f"Liquidations are known from {_day(int(hours.ends[first]))} to {_day(int(hours.ends[last]))};"
            f" {FIRST // 24} days of them are needed before the test, and more than {target.hours} hours in it."
            " Choose another --test or --train-until.",
            field="test",
        )
    return Protocol(target=target, first=first, test=(begin, stop), frozen=frozen)


def _forecast(name: str, features: Features, plan: Protocol, *, hours: Hours, seed: int, tick: Tick) -> Forecasts:
    if name == MODEL:
        return walkforward.model(features, plan, hours=hours, tick=tick)
    if name == BOOSTED:
        return walkforward.trees(features, plan, hours=hours, seed=seed, tick=tick)
    return walkforward.baseline(features, plan, hours=hours, names={**PARTS, **BASELINES}[name], tick=tick)


def _default_start(hours: Hours) -> int:
    """Return the start of the month in which `LEARNT` of what is known was over, or later, when enough is learnt."""
    begin, end = int(hours.ends[hours.first]), int(hours.ends[hours.last])
    reached = datetime.fromtimestamp(begin + LEARNT * (end - begin), tz=UTC)
    month = int(datetime(reached.year, reached.month, 1, tzinfo=UTC).timestamp())
    return max(month, -(-(begin + FIRST * HOUR) // DAY) * DAY)


def _window(until: str, test: str) -> tuple[int | None, list[int] | None]:
    """Return the end of training and the test as unix seconds; both days of a test belong to it."""
    frozen = None if not until else _midnight(until, field="train-until") + DAY
    if not test:
        return frozen, None if frozen is None else [frozen, 1 << 40]
    first, dots, last = test.partition("..")
    if not dots:
        raise InputError(f"--test is {test}; write two days as 2021-05-01..2021-12-31.", field="test", value=test)
    window = [_midnight(first, field="test"), _midnight(last, field="test") + DAY]
    if window[1] <= window[0]:
        raise InputError(f"--test {test} ends before it begins; swap the days.", field="test", value=test)
    if frozen is not None and window[0] < frozen:
        raise InputError(
            f"--test {test} begins before training ends ({until}); a test must come after it.", field="test", value=test
        )
    return frozen, window


def _horizons(text: str) -> list[int]:
    try:
        found = sorted({int(name) for name in _names(text)})
    except ValueError as error:
        raise InputError(f"--horizons is {text}; write hours as 6,24.", field="horizons", value=text) from error
    if not found or found[0] < 1 or found[-1] > 7 * 24:
        raise InputError(f"--horizons is {text}; use 1 to {7 * 24} hours.", field="horizons", value=text)
    return found


def _midnight(text: str, *, field: str) -> int:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(f"--{field} has {text}; write a day as 2021-05-01.", field=field, value=text) from error
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _names(text: str | None) -> list[str]:
    return list(dict.fromkeys(name for name in map(str.strip, (text or "").split(",")) if name))


def _day(stamp: int) -> str:
    return datetime.fromtimestamp(stamp, tz=UTC).date().isoformat()


KIND = CascadeBacktest()
