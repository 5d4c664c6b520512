"""The league: jobs in order, the same bytes however they are done, and refusals."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest

from forecasting.core.bars import lay
from forecasting.core.book import Floats
from forecasting.core.league import HORIZONS, Data, Job, Plan, jobs, models, needs, refit, rows, run
from forecasting.core.measures import daily, hourly
from governance.errors import InputError
from tests.forecasting.leaks.check import market

ASSETS = ("A0", "A1")


@cache
def data() -> Data:
    grid = lay(market(330), assets=ASSETS)
    return Data(days=daily(grid), hours=hourly(grid))


def plan(**changes: object) -> Plan:
    told: dict[str, object] = {"assets": ASSETS, "horizons": ("1d", "7d"), "first": 300, "last": 320, "warm": 40}
    return Plan(**(told | changes))  # type: ignore[arg-type]


@cache
def done() -> dict[Job, Floats]:
    return walked(plan())


def walked(told: Plan) -> dict[Job, Floats]:
    found: dict[Job, Floats] = {}
    for job in jobs(told):
        found[job] = run(job, data=data(), plan=told, done=found, tick=lambda: None)
    return found


def test_jobs_come_after_what_they_need() -> None:
    order = jobs(plan(horizons=tuple(HORIZONS)))
    assert len(set(order)) == len(order)
    for place, job in enumerate(order):
        assert set(needs(job)) <= set(order[:place])


def test_asking_for_the_champion_alone_walks_its_members_too() -> None:
    order = jobs(plan(horizons=("1h", "1d"), models=("champion",)))
    assert order[-1] == Job("1d", "champion")
    assert Job("1d", "hybrid") in order
    assert Job("1h", "hybrid") not in order  # trees forecast days only
    assert set(order) < set(jobs(plan(horizons=("1h", "1d"))))


def test_forecasts_are_there_from_the_warm_up_to_the_last_scored_day() -> None:
    for job, forecast in done().items():
        assert forecast.shape == data().days.variance.shape
        assert np.isfinite(forecast[312:321]).all(), job
        assert np.isnan(forecast[:260]).all()
        assert np.isnan(forecast[321:]).all()
        assert (forecast[312:321] > 0).all()


def test_two_threads_give_the_same_bytes() -> None:
    told = plan(horizons=("1d",))
    alone = [job for job in jobs(told) if not needs(job)]
    with ThreadPoolExecutor(2) as pool:
        found = dict(
            zip(
                alone,
                pool.map(lambda job: run(job, data=data(), plan=told, done={}, tick=lambda: None), alone),
                strict=True,
            )
        )
    for job in alone:
        assert found[job].tobytes() == done()[job].tobytes(), job
    last = Job("1d", "champion")
    assert run(last, data=data(), plan=told, done=found, tick=lambda: None).tobytes() == done()[last].tobytes()


def test_what_ticks_can_end_a_job() -> None:
    def stop() -> None:
        raise TimeoutError

    for model in models("1d"):
        if not needs(Job("1d", model)):
            with pytest.raises(TimeoutError):
                run(Job("1d", model), data=data(), plan=plan(), done={}, tick=stop)


def test_the_champion_beats_what_the_field_uses() -> None:
    from forecasting.core.scoring import qlike  # noqa: PLC0415 (its package is heavy)

    outcome = data().days.variance[300:321]
    loss = {name: float(np.mean(qlike(outcome, done()[Job("1d", name)][300:321]))) for name in ("champion", "garch_t")}
    assert loss["champion"] < 0.9 * loss["garch_t"]


def test_hours_are_forecast_over_the_hours_of_the_scored_days() -> None:
    first, last = rows(HORIZONS["1h"], data=data(), plan=plan(first=100, last=102))
    hours = data().hours
    assert hours is not None
    assert (first, last) == (2400, 2471)
    found = run(Job("1h", "log_har_x"), data=data(), plan=plan(first=100, last=102), done={}, tick=lambda: None)
    assert np.isfinite(found[2400:2472]).all()
    assert np.isnan(np.delete(found, np.s_[2400:2472], axis=0)).all()
    assert refit("1h", "garch_t") == 168
    assert refit("1h", "pooled") == 720
    assert refit("7d", "garch_t") == 1


def test_hours_need_prices_by_the_hour() -> None:
    with pytest.raises(InputError, match="needs prices by the hour"):
        run(Job("1h", "ewma"), data=Data(days=data().days), plan=plan(), done={}, tick=lambda: None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"horizons": ("2d",)}, "'2d' is none of the horizons: 1h, 1d, 7d, 30d"),
        ({"models": ("magic",)}, "'magic' is none of the models"),
        ({"first": 0}, "the first must not be the data's first day"),
        ({"first": 30, "last": 20}, "The scored days 30 to 20 are none"),
    ],
)
def test_a_plan_that_cannot_be_walked_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan(**changes)
