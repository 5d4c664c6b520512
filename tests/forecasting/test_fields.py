"""Where models compete: pegged assets take no part, and bars longer than an hour are scored by the day."""

from __future__ import annotations

import json

import numpy as np
import pytest
from django.core.management import call_command

from forecasting import alarms, competing, daily, fields, freshness, outcomes, shadows, training
from forecasting.core.days import DAY
from forecasting.models import Forecast
from governance.errors import InputError
from tests.forecasting.imports.files import candles, run, write

pytestmark = pytest.mark.django_db

ALLOW = ("wrong-numeraire", "implausible-data")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two cheap models compete, at once."""
    monkeypatch.setattr(training.app, "send_task", lambda *_, **__: None)
    walk = competing.compete
    monkeypatch.setattr(competing, "compete", lambda field, **how: walk(field, **{"names": ("log_har", "ewma"), **how}))


def bring(tmp_path, asset: str, *, minutes: int = 60, days: int = 180, still: bool = False) -> None:
    told = candles(days * 1440 // minutes, minutes=minutes)
    if still:
        told = [{**row, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0} for row in told]
    run(write(tmp_path / f"{asset}.csv", told), asset=asset, allow=ALLOW)


def carried_out(asked) -> None:
    training.carry_out(asked.pk)
    asked.refresh_from_db()
    assert asked.error == ""


def test_a_pegged_asset_takes_no_part_and_is_named(tmp_path, capsys, monkeypatch):
    bring(tmp_path, "ETH")
    bring(tmp_path, "DAI", still=True)
    found = daily.read(source="desk", assets=["DAI", "ETH"])
    field = fields.of_daily(found)
    assert field.line == "desk:ETH"
    assert field.dataset == found.dataset
    for whole, left in ((found.table, field.data.days), (found.hourly, field.data.hours)):
        assert type(left) is type(whole)
        assert left.assets == ("ETH",)
        np.testing.assert_array_equal(left.variance[:, 0], whole.variance[:, 1])
        np.testing.assert_array_equal(left.measures["parkinson"][:, 0], whole.measures["parkinson"][:, 1])
    monkeypatch.setattr(training, "wait", lambda asked, **_: (carried_out(asked), asked.model_version)[1])
    call_command("train", "--source=desk", "--assets=DAI,ETH", "--days=10", "--horizons=1d", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["line"], told["left_out"]) == ("desk:ETH", ["DAI"])


def test_nothing_but_pegged_assets_is_refused_before_anything_runs(tmp_path):
    bring(tmp_path, "DAI", still=True)
    with pytest.raises(InputError, match="DAI of desk: pegged") as refused:
        training.request_source("desk", ["DAI"])
    assert refused.value.facts["field"] == "assets"


def test_bars_of_four_hours_are_scored_by_the_day(tmp_path):
    bring(tmp_path, "ETH", minutes=240)
    field = fields.of_source(source="desk", assets=["ETH"])
    assert field.data.hours.ends.size == 0
    assert field.finest is field.data.days
    carried_out(training.request_source("desk", ["ETH"], config={"days": 10}))
    shadows.make(field)
    assert Forecast.objects.count() == 4
    assert outcomes.score(field) == []
    bring(tmp_path, "ETH", minutes=240, days=188)
    later = fields.of_source(source="desk", assets=["ETH"])
    scores = outcomes.score(later)
    assert {row.forecast.horizon_hours for row in scores} == {24, 168}
    for row in scores:
        days = row.forecast.horizon_hours * 3600 // DAY
        assert row.known_at == field.moment + days * DAY
        assert row.realised == pytest.approx(later.data.days.variance[-8 : days - 8 or None, 0].sum())


def test_an_import_that_is_watched_sounds_its_alarm_and_ends_it(monkeypatch):
    assert not freshness.watch_imported("desk:ETH", newest=0).fresh
    assert alarms.standing("desk:ETH").get().kind == "stale-data"
    monkeypatch.setattr(freshness.time, "time", lambda: 10.0)
    assert freshness.watch_imported("desk:ETH", newest=0).fresh
    assert not alarms.standing().exists()
