"""Whether data is fresh enough to publish on: one day of stale prices costs more than a year without retraining.

A state is asked for by pages and is cheap: how old the newest price is, and which alarms stand. `guarded` stands around
everything that publishes: what stops it becomes an alarm, and what goes well ends the alarm. `watch` looks by itself.

Two clocks are asked. Prices must not be behind the collected head, and the head must not be behind the wall clock; on a
development chain, whose time a script moves, the chain's clock is the only one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db.models import OuterRef, Subquery

from forecasting import alarms, datasets
from forecasting.core.realised import HOUR, MAX_SILENCE_HOURS
from forecasting.models import Alarm, Derivation, Price, Reserve
from forecasting.selectors import final_snapshot
from governance.env import env
from governance.errors import DataError, StaleData
from governance.models import Block, Deployment

DAY_HOURS = 24
DEVELOPMENT = 31_337  # the chain id of local development nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """The state of the data beneath a line of models.

    Attributes
    ----------
    line : str
    problem : str
        Code of what is wrong: ``stale-data``, ``gap-in-data``, ``implausible-data`` or ``data``; empty: nothing.
    sentence : str
        What a person should know, whether something is wrong or not.
    newest : int or None
        Time of the newest price, unix seconds; None: there is none.
    age_hours : float or None
        Its age by the clock that counts; None: there is none.
    limit_hours : float
        The service level: an age above it stops publication.
    """

    line: str
    problem: str
    sentence: str
    newest: int | None
    age_hours: float | None
    limit_hours: float

    @property
    def fresh(self) -> bool:
        """Whether forecasts may be published."""
        return not self.problem


def state(deployment: Deployment) -> Freshness:
    """Return the state of a market's prices, for every page that depends on them."""
    clock = _clock(deployment)
    last = _last_prices(deployment)
    if clock is None or not last:
        sentence = f"There is no price of {deployment.name} yet; run `manage.py collect`."
        return _state(deployment, StaleData.code, sentence)
    newest, limit = max(last.values()), env().price_max_age_hours
    age = (clock - newest) / HOUR
    if age > limit:
        sentence = f"The newest price of {deployment.name} is {age:.1f} hours old; at most {limit} are allowed."
        return _state(deployment, StaleData.code, f"{sentence} Run `manage.py collect`.", newest=newest, age=age)
    silent = {symbol: (newest - at) / HOUR for symbol, at in last.items() if newest - at > MAX_SILENCE_HOURS * HOUR}
    if silent:
        symbol = max(silent, key=lambda name: silent[name])
        sentence = f"{symbol} has had no price for {silent[symbol]:.0f} hours; at most {MAX_SILENCE_HOURS} are allowed."
        return _state(deployment, StaleData.code, sentence, newest=newest, age=age)
    alarm = alarms.standing(deployment.slug).filter(kind__in=Alarm.STOPPING).exclude(kind=Alarm.Kind.STALE).first()
    if alarm is not None:
        return _state(deployment, alarm.kind, alarm.detail, newest=newest, age=age)
    return _state(deployment, "", f"The newest price is {age:.1f} hours old.", newest=newest, age=age)


def imported(line: str, *, newest: int) -> Freshness:
    """Return the state of imported data whose last whole day ended at ``newest`` (unix seconds)."""
    limit = env().price_max_age_hours + DAY_HOURS  # the day that is not over yet
    age = (time.time() - newest) / HOUR
    sentence = f"The data of {line} ends {age / DAY_HOURS:.1f} days ago"
    if age > limit:
        sentence = f"{sentence}; at most {limit} hours are allowed. Import a newer file."
    return Freshness(
        line=line,
        problem=StaleData.code if age > limit else "",
        sentence=sentence if age > limit else f"{sentence}.",
        newest=newest,
        age_hours=age,
        limit_hours=limit,
    )


@contextmanager
def guarded(deployment: Deployment) -> Iterator[None]:
    """Publish within the block: data that must not be computed on stops it and sounds an alarm; success ends alarms.

    Raises
    ------
    DataError
        What the block raised, or `StaleData` at once when the newest price is older than PRICE_MAX_AGE_HOURS.
    """
    try:
        found = state(deployment)
        if found.problem == StaleData.code:
            raise StaleData(found.sentence, age_hours=found.age_hours)
        yield
    except DataError as error:
        alarms.sound(deployment.slug, kind=_kind(error), detail=error.message)
        raise
    alarms.silence(deployment.slug, kinds=Alarm.STOPPING)


def watch(deployment: Deployment) -> Freshness:
    """Read the data of a market as a forecast would; sound or end its alarms, and return its state."""
    try:
        with guarded(deployment):
            snapshot = final_snapshot(deployment)
            if snapshot is not None:
                datasets.fresh(datasets.freeze(snapshot), snapshot)
    except DataError:
        return state(deployment)  # which tells the alarm
    return state(deployment)


def watch_imported(line: str, *, newest: int) -> Freshness:
    """Return the state of imported data, see `imported`; sound its alarm, or end it.

    Call it outside of a transaction that may be rolled back.
    """
    found = imported(line, newest=newest)
    if found.fresh:
        alarms.silence(line, kinds=(Alarm.Kind.STALE,))
    else:
        alarms.sound(line, kind=Alarm.Kind.STALE, detail=found.sentence)
    return found


def _clock(deployment: Deployment) -> int | None:
    """Return the time by which data ages; None: nothing is collected yet."""
    cursor = Derivation.objects.filter(deployment=deployment).first()
    head = Block.objects.filter(chain=deployment.chain_id, number=cursor.block_number).first() if cursor else None
    if head is None:
        return None
    return head.timestamp if deployment.chain_id == DEVELOPMENT else max(head.timestamp, int(time.time()))


def _last_prices(deployment: Deployment) -> dict[str, int]:
    """Return when each reserve's newest price is from, by symbol, one look into the index for each."""
    newest = Price.objects.filter(reserve=OuterRef("pk")).order_by("-timestamp").values("timestamp")[:1]
    rows = Reserve.objects.filter(deployment=deployment).annotate(at=Subquery(newest)).exclude(at=None)
    return dict(rows.values_list("symbol", "at"))


def _kind(error: DataError) -> Alarm.Kind:
    """Return the alarm of an error, or of the nearest kind of error above it."""
    codes = (getattr(parent, "code", "") for parent in type(error).__mro__)
    return next(Alarm.Kind(code) for code in codes if code in Alarm.Kind.values)


def _state(
    deployment: Deployment, problem: str, sentence: str, *, newest: int | None = None, age: float | None = None
) -> Freshness:
    return Freshness(
        line=deployment.slug,
        problem=problem,
        sentence=sentence,
        newest=newest,
        age_hours=age,
        limit_hours=env().price_max_age_hours,
    )
