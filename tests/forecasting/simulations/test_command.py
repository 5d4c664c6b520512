"""`manage.py simulate`: asked for, followed, listed, shown, cancelled; by workers, in chunks."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from forecasting import recomputing
from forecasting.backtests import bench, keeping, running, sharing
from forecasting.backtests.base import kind, kinds
from forecasting.models import BacktestRun
from forecasting.simulations.kind import KIND
from forecasting.simulations.result import HASH
from governance.errors import ConflictError, DataError, InputError
from tests.fixtures import backtest
from tests.forecasting import rows
from tests.forecasting.imports.files import command
from tests.forecasting.simulations.stage import BONUS, DEPTH, SEVERE, book, options, simulate

CRASH = ("--scenario", "flash-crash-10")


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    bench.forget()


@pytest.fixture
def sent(monkeypatch) -> list[dict]:
    found: list[dict] = []
    monkeypatch.setattr(running.app, "send_task", lambda name, **told: found.append({"name": name, **told}))
    return found


@pytest.fixture
def at_once(monkeypatch, sent) -> None:
    """Let the command carry its run out itself."""

    def carried(run: BacktestRun, **_) -> BacktestRun:
        while run.status in BacktestRun.OPEN:
            sharing.carry_out(run.pk)
            run.refresh_from_db()
        return run

    monkeypatch.setattr(running, "wait", carried)


def say(*words: str) -> str:
    out = StringIO()
    call_command("simulate", *words, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_a_simulation_is_told_with_verdict_rounds_and_assumptions(tmp_path, at_once) -> None:
    told = say("--book", book(tmp_path), *BONUS, *DEPTH, *CRASH, "--reserve", "10", "--explain")
    assert "positions/desk: 31 accounts" in told
    assert "The reserve of $10.00 is not enough." in told
    assert "because of" in told
    assert "Taken for granted:" in told
    assert "Sales and purchases do not move USDC." in told
    assert "liquidations, of which" in told
    assert "USDC for" in told


@pytest.mark.django_db
def test_many_futures_are_told_with_intervals(tmp_path, at_once) -> None:
    first, second = book(tmp_path), book(tmp_path, source="second")
    told = say("--book", first, "--beside", second, *BONUS, *DEPTH, *SEVERE, "--paths", "60", "--reserve", "10")
    assert "2 protocols" not in told
    assert "positions/desk, positions/second: 62 accounts" in told
    assert "without impact" in told
    assert "Who carries the worst 1 %" in told
    assert "contagion" in told
    account = say("--book", first, *BONUS, *DEPTH, *SEVERE, "--paths", "60", "--explain", f"0x{1:040x}")
    assert "a health factor of 1.0200; it is liquidated" in account


@pytest.mark.django_db
def test_json_has_the_run_and_the_result(tmp_path, at_once) -> None:
    words = ("--book", book(tmp_path), *BONUS, *DEPTH, *CRASH)
    found = command("simulate", *words)
    assert (found["kind"], found["status"]) == ("simulation", "done")
    assert found[HASH] == simulate(*words)[HASH]
    assert found["content_hash"] == BacktestRun.objects.get().content_hash
    assert found["narrative"]["rounds"]
    assert command("simulate", *words)["id"] == found["id"]  # the same question is the same run
    assert command("simulate", "--show", found["id"])[HASH] == found[HASH]


@pytest.mark.django_db
def test_a_simulation_can_be_computed_again(tmp_path, at_once) -> None:
    found = command("simulate", "--book", book(tmp_path), *BONUS, *DEPTH, *SEVERE, "--paths", "50")
    again = recomputing.backtest(BacktestRun.objects.get(pk=found["id"]), threads=2, progress=lambda *_: None)
    assert again["content_hash"] == found["content_hash"]


@pytest.mark.django_db
def test_scenarios_and_simulations_are_listed_and_backtests_are_not(tmp_path, sent) -> None:
    assert "There is none yet" in say("--list")
    run = running.ask(KIND.slug, options("--book", book(tmp_path), *BONUS, *DEPTH, *CRASH))
    other = running.ask(backtest.NAME, {})
    told = say("--list")
    assert "march-2020" in told
    assert f"Simulation {run.pk} (positions/desk, flash-crash-10): queued at 0 %" in told
    found = command("simulate", "--list")
    assert [row["id"] for row in found["simulations"]] == [run.pk]
    assert {"name", "available", "why"} <= found["scenarios"][0].keys()
    with pytest.raises(InputError, match=f"Backtest {other.pk} is no simulation; see `manage.py backtest --show"):
        say("--show", str(other.pk))
    assert [row["id"] for row in command("backtest", "--list")["backtests"]] == [other.pk]
    for asked in ("--show", "--cancel"):
        with pytest.raises(InputError, match=f"Simulation {run.pk} is no backtest; see `manage.py simulate --show"):
            command("backtest", asked, run.pk)
        with pytest.raises(InputError, match=r"There is no simulation 999; see `manage.py simulate --list`"):
            say(asked, "999")
    assert "cancelled at 0 %" in say("--cancel", str(run.pk))
    with pytest.raises(ConflictError, match="has ended already"):
        say("--cancel", str(run.pk))
    assert "cancelled" in say("--show", str(run.pk))


def test_a_simulation_is_a_kind_of_run_but_no_backtest() -> None:
    assert kind("simulation") is KIND
    assert "simulation" not in kinds()


@pytest.mark.django_db
def test_a_watched_market_is_simulated_from_its_snapshot(sent) -> None:
    taken = rows.market(days=1, accounts=40)
    rows.derive(taken)
    words = ("lab", *CRASH, "--depth", "WETH=1e6", "--depth", "WBTC=1e6", "--depth", "TIDE=1e5", "--like", "TIDE=ETH")
    found = simulate(*words)
    assert (found["book"]["name"], found["book"]["block"]) == ("lab", taken.block_number)
    assert found["book"]["accounts"] == 40
    assert found["curve"]["rows"][-1]["liquidated"] > 0
    taken.refresh_from_db()
    assert taken.pinned
    with pytest.raises(InputError, match="how deep the market of"):
        simulate("lab", *CRASH, "--like", "TIDE=ETH")


@pytest.mark.django_db
def test_what_is_read_is_said_before_it_is_read(monkeypatch, tmp_path, capsys) -> None:
    name, said = book(tmp_path), []

    def ask(*_: object, **__: object) -> None:
        said.append(capsys.readouterr())
        raise InterruptedError

    monkeypatch.setattr(running, "ask", ask)
    with pytest.raises(InterruptedError):
        call_command("simulate", "--book", name, *BONUS, *DEPTH, *CRASH)
    assert "Reading positions/desk, prices and depth" in said[0].out + said[0].err


@pytest.mark.django_db
def test_a_simulation_that_fails_or_is_cancelled_is_called_one(sent, tmp_path) -> None:
    run = running.ask(KIND.slug, options("--book", book(tmp_path), *BONUS, *DEPTH, *CRASH))
    for status, said in (("failed", "failed: no price"), ("cancelled", "was cancelled at 0 %")):
        BacktestRun.objects.filter(pk=run.pk).update(status=status, error="no price")
        with pytest.raises((DataError, ConflictError), match=f"^Simulation {run.pk} {said}"):
            running.wait(run, progress=lambda *_: None, timeout=5)
    with pytest.raises(InputError, match=f"Simulation {run.pk} is cancelled; only one that is done has a hash"):
        bench.verify(run)


def test_the_line_of_a_run_says_how_it_ended() -> None:
    run = BacktestRun(pk=3, status="failed", progress=40)
    assert keeping.line(run, name="Simulation 3") == "Simulation 3: failed at 40 %"


@pytest.mark.timeout(180)
def test_workers_share_the_chunks_and_leave_no_trace_of_them(celery_worker_process, tmp_path) -> None:
    name = book(tmp_path)
    words = ("--book", name, *BONUS, *DEPTH, *SEVERE, "--paths", "200", "--chunks")
    runs = [running.ask(KIND.slug, options(*words, chunks), shares=2) for chunks in ("1", "2", "8")]
    ended = [running.wait(run, progress=lambda *_: None, timeout=150) for run in runs]
    assert [run.units.count() for run in ended] == [5, 6, 12]
    assert len({run.result[HASH] for run in ended}) == 1
    assert ended[0].result[HASH] == simulate(*words, "3")[HASH]
    assert len({run.content_hash for run in ended}) == 3
    assert [bench.verify(run) != {} for run in ended] == [True] * 3
