"""The league's models in the registry: trained on a market and on files, forecast, fitted again to the same bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from django.core.management import call_command

from forecasting import (
    alarms,
    artifacts,
    competing,
    fields,
    freshness,
    gate,
    lifecycle,
    patrol,
    shadows,
    training,
)
from forecasting.core.days import DAY
from forecasting.fields import Settings
from forecasting.models import Decision, Forecast, ModelVersion, TrainingRun
from forecasting.pasts import past as past_of
from governance.errors import InputError, StaleData, TooShort
from governance.version import code_version, lock_hash
from tests.forecasting import rows
from tests.forecasting.imports.files import START, candles, run, write
from tests.forecasting.test_training import SMALL

pytestmark = pytest.mark.django_db

FEW = ("log_har", "ewma")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two cheap models compete; that all of them can is tested once, below."""
    monkeypatch.setattr(training.app, "send_task", lambda *_, **__: None)
    walk = competing.compete
    monkeypatch.setattr(competing, "compete", lambda field, **how: walk(field, **{"names": FEW, **how}))


@pytest.fixture
def files(tmp_path: Path) -> None:
    """Import half a year of two assets by the hour."""
    for seed, asset in enumerate(("ETH", "BTC"), start=1):
        told = candles(24 * 180, minutes=60, start=1_600.0 * seed, seed=seed)
        run(write(tmp_path / f"{asset}.csv", told), asset=asset, allow=("wrong-numeraire", "implausible-data"))


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the day on which the files end."""
    now = START.timestamp() + 180 * DAY
    monkeypatch.setattr(freshness, "time", SimpleNamespace(time=lambda: now))


def trained() -> TrainingRun:
    asked = training.request_source("desk", ["ETH", "BTC"], config={"days": 20, "horizons": ["7d", "1d"]})
    training.carry_out(asked.pk)
    asked.refresh_from_db()
    assert asked.error == ""
    return asked


@pytest.mark.usefixtures("files")
def test_files_make_versions_with_all_that_they_were_made_of():
    asked = trained()
    assert (asked.status, asked.progress, asked.kind) == ("done", 100, "variance")
    versions = gate.newest("desk:BTC,ETH")
    assert set(versions) == set(FEW)
    made = versions["log_har"]
    assert (made.deployment, made.dataset.kind, made.dataset.block_number) == (None, "daily-bars", 0)
    assert (made.code_version, made.lock_hash, made.seed) == (code_version(), lock_hash(), training.SEED)
    assert made.config == {"days": 20, "horizons": ["1d", "7d"]}
    assert versions["ewma"].features == ["variance"]
    assert made.features == ["one", "variance_1", "variance_30", "variance_7"]
    assert made.created_timestamp == made.dataset.last_timestamp - made.dataset.last_timestamp % DAY
    content = artifacts.load(made)
    assert set(content["parameters"]["horizons"]) == {"1d", "7d"}
    assert content["parameters"]["out_of_sample"] == made.evidence_hash
    past = past_of(made)
    assert past.forecast.shape == (20, 2)
    assert np.isfinite(past.forecast).all()
    assert past.ends[-1] == made.created_timestamp
    assert [asset["n"] for asset in made.metrics["assets"]] == [20, 20]
    assert gate.in_use("desk:BTC,ETH") == made
    assert Decision.objects.get().kind == "first"


@pytest.mark.usefixtures("files")
def test_a_version_is_fitted_again_to_the_same_bytes_by_any_number_of_threads():
    trained()
    for made in gate.newest("desk:BTC,ETH").values():
        assert [lifecycle.refit(made, threads=threads) for threads in (1, 2)] == [made.artifact_hash] * 2


@pytest.mark.usefixtures("files")
def test_asking_again_is_the_same_run_and_training_again_the_same_versions():
    asked = trained()
    assert training.request_source("desk", ["ETH", "BTC"], config={"days": 20}) == asked
    field = fields.of_source(source="desk", assets=["ETH", "BTC"])
    lifecycle.train(field, settings=Settings(days=20), seed=training.SEED)
    assert ModelVersion.objects.count() == len(FEW)
    assert Decision.objects.count() == 1
    other = training.request_source("desk", ["ETH", "BTC"], seed=2, config={"days": 20})
    assert other != asked


@pytest.mark.usefixtures("files")
def test_files_that_ended_long_ago_make_versions_and_no_forecast_and_sound_an_alarm(client):
    trained()
    assert set(gate.newest("desk:BTC,ETH")) == set(FEW)
    assert not Forecast.objects.exists()
    assert alarms.standing("desk:BTC,ETH").get().kind == "stale-data"
    shadows.make(fields.of_source(source="desk", assets=["ETH", "BTC"]))  # as `forecast --past` does
    page = client.get("/forecasts/").content.decode()
    assert "The data of desk:BTC,ETH ends" in page
    assert "Too old" in page


@pytest.mark.usefixtures("files")
def test_a_round_forecasts_files_of_today_and_none_that_ended_long_ago(monkeypatch):
    trained()
    (done,) = patrol.run()
    assert (done.forecasts, Forecast.objects.count()) == (0, 0)
    assert "days ago; at most" in done.problem
    now = START.timestamp() + 180 * DAY
    with monkeypatch.context() as patch:
        patch.setattr(freshness, "time", SimpleNamespace(time=lambda: now))
        (done,) = patrol.run()
        assert (done.forecasts, done.problem) == (2 * len(FEW), "")
        assert not alarms.standing("desk:BTC,ETH").filter(kind="stale-data").exists()
    (done,) = patrol.run()  # what was forecast then is old by now
    assert "days ago; at most" in done.problem
    assert alarms.standing("desk:BTC,ETH").filter(kind="stale-data").exists()


@pytest.mark.usefixtures("files", "today")
def test_files_of_today_are_forecast_and_the_alarm_is_over(client):
    alarms.sound("desk:BTC,ETH", kind="stale-data", detail="It was.")
    trained()
    assert Forecast.objects.exists()
    assert not alarms.standing().exists()
    page = client.get("/forecasts/").content.decode()
    assert "Up to date" in page
    assert "Too old" not in page


def test_a_market_whose_prices_are_stale_by_now_is_trained_and_not_forecast(monkeypatch):
    snapshot = rows.market(days=60)
    asked = training.request(snapshot.deployment, snapshot, config=SMALL)
    state = freshness.state(snapshot.deployment)
    monkeypatch.setattr(freshness, "state", lambda _: replace(state, problem="stale-data"))
    training.carry_out(asked.pk)
    assert ModelVersion.objects.count() == 2
    assert not Forecast.objects.exists()


@pytest.mark.usefixtures("files", "today")
def test_forecasts_in_the_shadow_are_made_once_and_are_what_the_walk_would_have_said():
    trained()
    made = list(Forecast.objects.filter(kind="variance"))
    assert {(row.model_version.name, row.horizon_hours) for row in made} == {
        (name, hours) for name in FEW for hours in (24, 168)
    }
    assert {row.body["role"] for row in made if row.model_version.name == "log_har"} == {"champion"}
    field = fields.of_source(source="desk", assets=["ETH", "BTC"])
    assert {row.pk for row in shadows.make(field)} == {row.pk for row in made}
    assert next(iter(patrol.run())).problem == ""
    assert Forecast.objects.filter(kind="variance").count() == len(made)
    told = made[0].body["assets"]["BTC"]
    assert told["volatility"] == pytest.approx(np.sqrt(told["variance"] * 365 * 24 / made[0].horizon_hours))


@pytest.mark.usefixtures("files")
def test_the_commands_train_and_forecast_files(capsys, monkeypatch):
    def wait(asked, **_):
        training.carry_out(asked.pk)
        asked.refresh_from_db()
        return asked.model_version

    monkeypatch.setattr(training, "wait", wait)
    words = ("train", "--source=desk", "--assets=ETH,BTC", "--days=20")
    with pytest.raises(InputError, match=r"train --source desk"):
        call_command("forecast", "--source=desk", "--assets=ETH,BTC")
    call_command(*words, "--json")
    told = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["in_use"]) for one in told["models"]] == [("log_har", True), ("ewma", False)]
    assert told["decisions"][0]["decision"] == "first"
    call_command(*words)
    assert "log_har first: The line begins" in capsys.readouterr().out
    with pytest.raises(StaleData, match="--past"):
        call_command("forecast", "--source=desk", "--assets=ETH,BTC")
    call_command("forecast", "--source=desk", "--assets=BTC,ETH", "--past", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["in_use"] == "log_har"
    assert {row["horizon_hours"] for row in told["forecasts"]} == {24, 168}
    call_command("forecast", "--source=desk", "--assets=BTC,ETH", "--past")
    assert "168 hours ahead" in capsys.readouterr().out


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("config", "field"), [({"days": 0}, "days"), ({"horizons": ["2d"]}, "horizons"), ({"paths": 5}, "paths")]
)
def test_settings_that_cannot_be_used_are_refused(config, field):
    with pytest.raises(InputError) as refused:
        training.request_source("desk", ["ETH"], config=config)
    assert refused.value.facts["field"] == field
    assert not TrainingRun.objects.exists()


def test_too_short_a_history_is_refused_before_anything_runs(tmp_path):
    run(write(tmp_path / "ETH.csv", candles(24 * 40, minutes=60)), asset="ETH", allow=("wrong-numeraire",))
    with pytest.raises(TooShort, match="compete from 151 on"):
        training.request_source("desk", ["ETH"])


@pytest.mark.parametrize("words", [("lab", "--source=desk"), ("--assets=ETH",)])
def test_markets_and_files_are_not_mixed(words):
    with pytest.raises(InputError, match="--source"):
        call_command("train", *words)


def test_a_market_long_enough_has_the_league_as_well_and_every_version_is_reproduced():
    snapshot = rows.market(days=156)
    asked = training.request(snapshot.deployment, snapshot, config=SMALL)
    training.carry_out(asked.pk)
    asked.refresh_from_db()
    assert asked.error == ""
    line = gate.newest(snapshot.deployment.slug)
    assert set(line) == set(FEW)
    assert artifacts.evidence(line["ewma"])["assets"] == ["WETH", "WBTC", "TIDE"]  # the others are pegged
    assert {row.block_number for row in Forecast.objects.filter(kind="variance")} == {snapshot.block_number}
    versions = ModelVersion.objects.select_related("dataset", "deployment")
    assert versions.count() == 2 + len(FEW)
    for version in versions:
        assert lifecycle.refit(version, threads=2) == version.artifact_hash
    (done,) = patrol.run()
    assert (done.line, done.forecasts, done.problem) == (snapshot.deployment.slug, 2 * len(FEW), "")


def test_all_models_of_the_league_can_compete(monkeypatch):
    snapshot = rows.market(days=160)
    monkeypatch.undo()
    frozen = training.datasets.freeze(snapshot)
    field = fields.of_frozen(frozen, deployment=snapshot.deployment)
    made = lifecycle.train(field, settings=Settings(days=4, horizons=("1d",)), seed=1)
    assert made[-1].name == "champion"
    assert {version.name for version in made} >= {"garch_t", "log_har", "log_har_x", "champion"}
    said = {row.model_version.name: set(row.body["assets"]) for row in shadows.make(field)}
    assert said["champion"] == said["log_har"] == said["garch_t"] == {"WETH", "WBTC", "TIDE"}
    assert all(said.values())  # who learnt nothing from so few days says nothing
