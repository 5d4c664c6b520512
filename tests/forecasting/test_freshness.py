"""Freshness: what stops publication, how loudly, and when it is over."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from django.core.management import call_command

from forecasting import alarms, forecasts, freshness, patrol, tasks, training
from forecasting.core.realised import HOUR, Grid, require_plausible
from forecasting.models import Alarm, Price, Snapshot
from governance.errors import DataError, GapInData, ImplausibleData, StaleData
from governance.models import Block
from tests.forecasting import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> Snapshot:
    """Return the last snapshot of two months of a market."""
    return rows.market(days=60)


def move_head(snapshot: Snapshot, *, hours: float) -> None:
    """Let the collected head be later than the newest price."""
    Block.objects.filter(number=snapshot.block_number).update(timestamp=snapshot.timestamp + int(hours * HOUR))


def test_a_market_that_is_up_to_date_is_fresh(market):
    state = freshness.state(market.deployment)
    assert (state.fresh, state.problem, state.age_hours, state.newest) == (True, "", 0.0, market.timestamp)
    assert freshness.watch(market.deployment) == state


def test_nothing_collected_is_not_fresh(market):
    Price.objects.all().delete()
    state = freshness.state(market.deployment)
    assert (state.problem, state.newest, state.age_hours) == ("stale-data", None, None)
    assert "manage.py collect" in state.sentence


def test_prices_that_are_behind_the_head_are_stale(market):
    move_head(market, hours=7)
    state = freshness.state(market.deployment)
    assert state.problem == "stale-data"
    assert "7.0 hours old; at most 6 are allowed" in state.sentence
    assert (state.age_hours, state.limit_hours) == (7.0, 6)


def test_one_asset_that_fell_silent_is_stale(market):
    last = market.timestamp - 27 * HOUR
    Price.objects.filter(reserve__symbol="WBTC", timestamp__gt=last).delete()
    state = freshness.state(market.deployment)
    assert "WBTC has had no price for 27 hours" in state.sentence


def test_a_head_that_is_behind_the_clock_is_stale_on_a_real_chain(market, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: market.timestamp + 8 * HOUR)
    assert freshness.state(market.deployment).fresh  # a development chain's time is a script's
    monkeypatch.setattr(freshness, "DEVELOPMENT", 1)
    assert "8.0 hours old" in freshness.state(market.deployment).sentence


def test_a_gap_stops_publication_and_is_seen_until_it_is_over(market, caplog):
    held = list(Price.objects.filter(block_number__range=(1_000, 1_050)))
    Price.objects.filter(pk__in=[row.pk for row in held]).delete()
    for _ in range(2):
        state = freshness.watch(market.deployment)
        assert state.problem == "gap-in-data"
        assert "No price of any asset" in state.sentence
    alarm = alarms.standing(market.deployment.slug).get()
    assert (alarm.kind, alarm.times) == (Alarm.Kind.GAP, 2)
    assert any("No price of any asset" in record.message for record in caplog.records)
    Price.objects.bulk_create(held)
    assert freshness.watch(market.deployment).fresh
    assert not alarms.standing().exists()


def test_publishing_on_stale_data_is_refused_with_an_alarm(market, monkeypatch):
    monkeypatch.setattr(training.app, "send_task", lambda *_, **__: None)
    run = training.request(market.deployment, market, config={"paths": 200, "backtest_paths": 50})
    training.carry_out(run.pk)
    move_head(market, hours=30)
    with pytest.raises(StaleData, match=r"30\.0 hours old"):
        forecasts.publish(market, horizon_hours=24, paths=100, seed=1)
    assert alarms.standing(market.deployment.slug).get().kind == Alarm.Kind.STALE
    move_head(market, hours=0)
    assert forecasts.publish(market, horizon_hours=24, paths=100, seed=1)
    assert not alarms.standing().exists()


@pytest.mark.parametrize(
    ("error", "kind"),
    [(GapInData("x"), "gap-in-data"), (ImplausibleData("x"), "implausible-data"), (DataError("x"), "data")],
)
def test_every_error_of_data_has_its_alarm(market, error, kind):
    with pytest.raises(type(error)), freshness.guarded(market.deployment):
        raise error
    assert alarms.standing().get().kind == kind
    assert freshness.state(market.deployment).problem == kind


def grid(*prices: float) -> Grid:
    values = np.array([[int(price * 10**8), 10**8] for price in prices])
    return Grid(timestamps=np.arange(values.shape[0]) * HOUR, prices=values, observed=values.shape[0] * HOUR)


def test_a_leap_that_is_taken_back_is_implausible():
    require_plausible(grid(100, 101, 30, 31, 32), assets=("ETH", "DAI"))  # a crash that stays
    with pytest.raises(ImplausibleData, match=r"ETH moved by a factor of 10 .* the next hour took that back"):
        require_plausible(grid(100, 100, 1_000, 100, 100), assets=("ETH", "DAI"))
    with pytest.raises(ImplausibleData, match="no later price confirms"):
        require_plausible(grid(100, 101, 30), assets=("ETH", "DAI"))


def test_imported_data_is_as_old_as_its_last_day(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 40 * HOUR)
    assert freshness.imported("desk:BTC", newest=11 * HOUR).fresh
    state = freshness.imported("desk:BTC", newest=9 * HOUR)
    assert (state.problem, state.age_hours) == ("stale-data", 31.0)
    assert "Import a newer file" in state.sentence


def test_beat_watches_every_market(market, capsys):
    move_head(market, hours=9)
    tasks.watch()
    assert alarms.standing(market.deployment.slug).get().kind == Alarm.Kind.STALE
    call_command("monitor", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["data"][0]["problem"] == told["alarms"][0]["kind"] == "stale-data"
    assert told["lines"] == []
    call_command("monitor")
    assert "ALARM stale-data" in capsys.readouterr().out


def test_monitoring_nothing_says_what_to_do(capsys):
    tasks.monitor()
    assert list(patrol.run()) == []
    call_command("monitor")
    assert "manage.py train" in capsys.readouterr().out
