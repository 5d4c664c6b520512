"""The volatility league as a backtest: what may be asked, which days are scored, and one result whoever computes."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command

from forecasting.backtests import bench, keeping, running, sharing
from forecasting.backtests.league_tables import remarks
from forecasting.backtests.volatility import KIND, LEARNT, scored
from forecasting.core.days import DAY
from forecasting.models import BacktestRun
from governance.errors import InputError, StoppedTrading, TooShort
from governance.services.base import ServiceStatus
from tests.forecasting.imports.files import START, candles, run, write

pytestmark = pytest.mark.django_db

FIRST = int(START.timestamp())
COUNT = 240  # days
OPTIONS = {"source": "desk", "assets": "ETH,BTC", "horizons": "1d,7d", "models": "ewma,log_har", "days": 60}
ALLOWED = ("wrong-numeraire", "implausible-data")


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    bench.forget()


@pytest.fixture
def prices(tmp_path: Path) -> None:
    """Import 240 days of two assets, six bars a day, and 200 days of a third."""
    for seed, (asset, days) in enumerate({"ETH": COUNT, "BTC": COUNT, "SOL": COUNT - 40}.items(), start=1):
        told = candles(days * 6, minutes=240, start=1_600.0 * seed, seed=seed)
        run(write(tmp_path / f"{asset}.csv", told), asset=asset, allow=ALLOWED)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command carry its run out itself."""

    def carried(run: BacktestRun, **_) -> BacktestRun:
        while run.status in BacktestRun.OPEN:
            sharing.carry_out(run.pk)
            run.refresh_from_db()
        assert run.status == "done", run.error
        return run

    monkeypatch.setattr(running.app, "send_task", lambda name, **options: None)
    monkeypatch.setattr(running, "wait", carried)


def request(**changes):
    return KIND.request({**OPTIONS, **changes})


@pytest.mark.usefixtures("prices")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"days": 0}, "--days is 0"),
        ({"days": None, "from": "1 August"}, "--from is 1 August; write a day as 2025-06-30"),
        ({"to": "2023-13-01"}, "--to is 2023-13-01"),
        ({"days": None, "from": "2023-08-02", "to": "2023-08-01"}, "--to lies before --from"),
        ({"models": "ewma,oracle"}, "'oracle' is none of the models"),
        ({"horizons": "2d"}, "'2d' is none of the horizons"),
        ({"seed": 2**70}, "--seed is 1180591620717411303424; it lies between 0 and"),
        ({"seed": -1}, "--seed is -1"),
        ({"horizons": ","}, "--horizons is ',', which names nothing"),
        ({"models": " , "}, "--models is ' , ', which names nothing"),
        ({"assets": ","}, "--assets is ','"),
        ({"horizons": "1h", "models": "boosted"}, "None of boosted forecasts 1h; there are: .*log_har"),
        ({"source": "nowhere"}, "no imported dataset nowhere"),
    ],
)
def test_what_cannot_be_asked_names_field_and_value(changes, said) -> None:
    with pytest.raises(InputError, match=said):
        request(**changes)


@pytest.mark.usefixtures("prices")
def test_a_request_is_complete_and_pins_its_data(tmp_path: Path) -> None:
    wanted = request(days=None)
    assert (wanted["days"], wanted["version"], wanted["assets"]) == (1000, 3, ["ETH", "BTC"])
    more = candles(60, minutes=240, start=90.0, seed=9)
    run(write(tmp_path / "more.csv", more), asset="AVAX", allow=ALLOWED)
    assert request(days=None)["version"] == 4
    assert KIND.inputs({**wanted, "days": 60}).dataset.facts["version"] == 3


@pytest.mark.usefixtures("prices")
def test_the_scored_days_are_the_last_ones_or_those_between_two_dates() -> None:
    plan = KIND.inputs(request()).plan
    assert (plan.first, plan.last) == (COUNT - 60, COUNT - 1)
    between = request(days=None, **{"from": "2023-08-01", "to": "2023-09-10"})
    prepared = KIND.inputs(between)
    assert (between["from"] - FIRST) // DAY == prepared.plan.first == 153
    assert prepared.plan.last - prepared.plan.first == 40
    assert prepared.data.days.ends[-1] == between["to"] + DAY  # nothing after it is even read
    ends = FIRST + DAY * np.arange(1, COUNT + 1)
    assert scored(ends, {"from": None, "to": between["to"], "days": 41}) == (153, 193)
    assert scored(ends, {"from": between["from"], "to": between["to"], "days": 1_000}) == (153, 193)
    assert scored(ends, {"from": between["from"], "to": between["to"], "days": 10}) == (184, 193)
    assert scored(ends, {"from": between["from"], "to": int(ends[-1]), "days": None}) == (153, COUNT - 1)


@pytest.mark.usefixtures("prices")
@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"days": COUNT - LEARNT + 1}, TooShort, "score fewer days"),
        ({"days": None, "from": "2023-04-01"}, TooShort, f"models need {LEARNT}"),
        ({"to": "2024-01-01"}, TooShort, "choose an earlier --to"),
        ({"assets": "ETH,SOL", "days": 20}, StoppedTrading, "SOL"),
        ({"days": 29, "horizons": "1d"}, TooShort, "29 days are scored; 1d ahead needs 30"),
        ({"days": 40, "horizons": "1d,30d"}, TooShort, "40 days are scored; 30d ahead needs 59"),
        ({"horizons": "1h"}, InputError, "1h needs prices by the hour"),
    ],
)
def test_data_that_does_not_carry_the_request_is_refused(changes, error, said) -> None:
    with pytest.raises(error, match=said):
        KIND.inputs(request(**changes))


@pytest.mark.usefixtures("prices")
def test_units_name_what_they_need_before_they_come() -> None:
    wanted = request(models="")
    units = KIND.units(wanted, KIND.inputs(wanted))
    seen: set[str] = set()
    for unit, needed in units.items():
        assert set(needed) <= seen
        assert len(unit) <= 64
        seen.add(unit)
    assert {"1d/garch_t", "7d/log_har"} <= seen


@pytest.mark.usefixtures("prices", "at_once")
def test_the_command_tells_the_league_and_reproduce_finds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"--{name}={value}" for name, value in OPTIONS.items()]
    call_command("backtest", "volatility", *words, "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["source"], told["days"]) == ("volatility", "desk", 60)
    assert set(told["horizons"]["1d"]["ETH"]) == {"ewma", "log_har"}
    assert told["horizons"]["1d"]["ETH"]["ewma"]["n"] == 60
    stored = BacktestRun.objects.get()
    assert stored.content_hash == told["content_hash"]
    assert stored.dataset.hash == told["dataset"]
    found = bench.lay_out(stored)
    for unit in reversed(found.units):  # no unit of these needs another
        found.parts[unit] = found.compute(unit, tick=lambda: None)
    found = bench.Bench(
        kind=found.kind, request=found.request, inputs=found.inputs, units=found.units, parts=dict(found.parts)
    )
    assert found.report()["content_hash"] == told["content_hash"]
    assert told["not_converged"] == {}
    assert told["left_out"] == []
    call_command("backtest", "volatility", *words)
    assert "1d ahead: mean QLIKE" in capsys.readouterr().out
    assert BacktestRun.objects.count() == 1


@pytest.mark.usefixtures("prices", "at_once")
def test_runs_are_listed_shown_and_cancelled(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("backtest", "--list")
    assert "none yet" in capsys.readouterr().out
    run = running.ask("volatility", OPTIONS)
    call_command("backtest", "--list", "--json")
    assert [row["status"] for row in json.loads(capsys.readouterr().out)["backtests"]] == ["queued"]
    out = StringIO()
    call_command("backtest", f"--cancel={run.pk}", stdout=out)
    assert f"Backtest {run.pk} (volatility): cancelled at 0 %" in out.getvalue()
    call_command("backtest", f"--show={run.pk}", "--json")
    assert json.loads(capsys.readouterr().out)["status"] == "cancelled"
    with pytest.raises(InputError, match=r"Say what to judge: .*volatility"):
        call_command("backtest")


@pytest.mark.parametrize(("running", "started"), [(True, []), (False, ["worker"])])
def test_a_worker_that_died_is_started_again_while_somebody_waits(monkeypatch, running, started) -> None:
    seen: list[object] = []
    monkeypatch.setattr(keeping, "ROUND", 0.0)
    monkeypatch.setattr(keeping.Worker, "status", lambda self: ServiceStatus(name="worker", running=running))
    monkeypatch.setattr(keeping.supervisor, "ensure", lambda *names, tell: seen.extend(names))
    keeper = keeping.Keeper(lambda *told: seen.append(told), tell=seen.append)
    keeper(1, 2, "a unit")
    assert seen == [(1, 2, "a unit"), *started]


def test_what_was_left_out_and_what_did_not_end_is_said_in_sentences() -> None:
    said = remarks(
        {
            "left_out": [{"horizon": "1d", "asset": "DAI", "model": "", "why": "it stood still"}],
            "not_converged": {"7d": {"garch_t": 3}},
            "regime": {"ETH": {"state": "calm", "turbulence": 0.031}},
            "var99": {"by_cell": {"ETH": {"long": {"aci": {"alarms": 2, "lowest": 0.001}}, "short": {}}}},
        }
    )
    assert said == [
        "Left out at 1d: all models of DAI; it stood still.",
        "Fits at 7d whose search did not end by itself: garch_t 3.",
        "ETH is calm (probability of turbulence 3%).",
        "Losses of ETH long came too often: 1 % were covered where 0.10% was asked for.",
    ]
