"""`manage.py collect`: what it tells, what stops it and what does not, once and round after round."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from forecasting import collect as verbs
from forecasting import rounds, tasks
from forecasting.management.commands.collect import Command
from forecasting.models import Snapshot
from governance.chain import ranges
from governance.deployments import watch_governor
from governance.env import ROOT, child_environment, env
from governance.errors import ChainUnavailable, ConflictError, DishonestAnswer, InputError
from governance.locks import lock_key, turn
from governance.models import AuditEntry, Coverage, Deployment, Incident
from tests.fixtures.celery import database_url
from tests.market import watch

BAD = 60


def run(*words: str, status: int = 0) -> str:
    out = StringIO()
    if status:
        with pytest.raises(SystemExit) as caught:
            call_command("collect", *words, stdout=out)
        assert caught.value.code == status
    else:
        call_command("collect", *words, stdout=out)
    return out.getvalue()


def run_json(*words: str, status: int = 0) -> dict:
    return json.loads(run(*words, "--json", status=status))


def watch_dao(world, client) -> Deployment:
    roles = {role: world.addresses[role] for role in ("governor", "timelock", "token")}
    return watch_governor(client=client, flavour="oz", addresses=roles, slug="dao", name="DAO")


@pytest.fixture
def market(db, world, chain_client) -> Deployment:
    return watch(world, chain_client)


def test_everything_is_told_of_each_deployment(world, chain_client, market):
    watch_dao(world, chain_client)
    found = run_json()
    head = chain_client.head().number
    assert (found["complete"], found["failed"]) == (True, [])
    dao, local = found["collected"]
    assert [(row["deployment"], row["last"], row["lag"], row["gaps"]) for row in (dao, local)] == [
        ("dao", head, 0, []),
        ("local", head, 0, []),
    ]
    assert local["digest"].startswith("0x")
    assert (local["reorgs"], local["error"], dao["snapshot"]) == (0, None, "")
    assert local["snapshot"] == Snapshot.objects.get().dataset_hash
    assert f"complete from block {local['first']:,} to {head:,}, 0 behind the head" in run("local")


def test_it_stops_where_it_was_told_to(market):
    (local,) = run_json("--to=100")["collected"]
    assert (local["last"], local["lag"]) == (100, 0)
    assert Snapshot.objects.get().block_number == 100
    run("--no-snapshot")
    assert Snapshot.objects.count() == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--to=-1",), "Block -1 cannot be collected"),
        (("--to=99999999",), "the head that is followed stands at"),
        (("--follow", "--to=5"), "--follow has no end"),
        (("--follow", "--every=0"), "more than 0"),
        (("--workers=-1",), "1 or more"),
        (("--workers=0",), "1 or more"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(market, words, says):
    with pytest.raises(InputError, match=says):
        run(*words)


def test_one_that_fails_does_not_stop_the_others(world, chain_client, market, monkeypatch):
    watch_dao(world, chain_client)
    real = verbs.collect

    def fail_dao(deployment, **options):
        if deployment.slug == "dao":
            raise ChainUnavailable("The node\n took too long.")
        return real(deployment, **options)

    monkeypatch.setattr(verbs, "collect", fail_dao)
    found = run_json(status=1)
    assert found["failed"] == ["dao"]
    assert [row["error"] and row["error"]["code"] for row in found["collected"]] == ["chain-unavailable", None]
    text = run(status=1)
    assert "DAO: The node took too long." in text
    assert "Local market: complete from" in text


def test_a_gap_is_named_and_fails_the_command_until_it_is_closed(market, monkeypatch):
    real = ranges.fetch

    def lie(client, addresses, *, first, last, **asked):
        if first <= BAD <= last:
            raise DishonestAnswer("A log is missing.", kind="missing-logs", host=client.host)
        return real(client, addresses, first=first, last=last, **asked)

    with monkeypatch.context() as patch:
        patch.setattr(ranges, "fetch", lie)
        found = run_json(status=1)
        (local,) = found["collected"]
        ((first, last),) = local["gaps"]
        assert first <= BAD <= last
        assert local["last"] == first - 1
        assert found["failed"] == ["local"]
        text = run("local", status=1)
        assert f"blocks {first:,} to {last:,} are MISSING" in text
        assert Incident.objects.filter(kind="gap", resolved_at=None).exists()
    assert run_json()["collected"][0]["gaps"] == []
    assert not Incident.objects.filter(kind="gap", resolved_at=None).exists()


def test_an_accepted_reorganisation_is_taken_back_and_audited(market):
    run("--no-snapshot")
    chain = market.chain
    Incident.objects.create(chain=chain, kind="deep-reorg", first=90, last=120, detail="x")
    assert run_json("--no-snapshot", status=1)["collected"][0]["error"]["code"] == "deep-reorg"
    assert "blocks taken back" in run("--no-snapshot", "--accept-reorg")
    assert "there is no reorganisation to accept" in run("--no-snapshot", "--accept-reorg")
    assert AuditEntry.objects.get().action == "reorganisation.accepted"
    assert run_json("--no-snapshot")["complete"]


def test_a_node_that_does_not_answer_is_told_although_another_one_does(chain_client, market, monkeypatch):
    monkeypatch.setenv("RPC_URLS", f"http://127.0.0.1:1,http://{chain_client.host}")
    env.cache_clear()
    assert "1 of 2 nodes does not answer: 127.0.0.1:1." in run("--no-snapshot").splitlines()
    monkeypatch.setenv("RPC_URLS", f"http://{chain_client.host}")
    env.cache_clear()
    assert "not answer" not in run("--no-snapshot")


def test_no_snapshot_is_taken_of_a_block_that_may_be_taken_back(market, monkeypatch):
    monkeypatch.setattr("governance.chain.finality.final", lambda _client: 110)
    run()
    assert Snapshot.objects.get().block_number == 110
    monkeypatch.setattr("governance.chain.finality.final", lambda _client: market.first_block - 1)
    assert run_json()["collected"][0]["snapshot"] == ""


def test_the_schedule_leaves_a_busy_deployment_alone_and_survives_a_failure(market, monkeypatch, caplog):
    asked = []
    monkeypatch.setattr(verbs, "collect", lambda deployment, **_: asked.append(deployment))

    def taken(_name):
        raise ConflictError("Another process is doing this already.")

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "exclusive", taken)
        tasks.collect()
        tasks.retrain()
    assert asked == []

    def fail(*_, **__):
        raise DishonestAnswer("Blocks do not link.")

    monkeypatch.setattr(verbs, "collect", fail)
    tasks.collect()
    assert "local was not collected: Blocks do not link." in caplog.text


def test_the_schedule_takes_a_snapshot_only_when_one_is_due(world, market, chain_client):
    tasks.collect()
    chain_client.call("evm_mine", [chain_client.head().timestamp + 60])
    tasks.collect()
    assert Snapshot.objects.count() == 1
    chain_client.call("evm_mine", [chain_client.head().timestamp + 3_600])
    tasks.collect()
    assert Snapshot.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_do_not_derive_the_same_history_at_once(world, chain_client, monkeypatch):
    market = watch(world, chain_client)
    name = f"derive {market.pk}"
    other = connection.copy()
    waited = []

    def let_go(seconds):
        waited.append(seconds)
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [lock_key(name)])

    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [lock_key(name)])
        with pytest.raises(ConflictError, match="already"), turn(name, patience=-1):
            raise AssertionError("somebody else holds it")
        monkeypatch.setattr("governance.locks.time", SimpleNamespace(monotonic=time.monotonic, sleep=let_go))
        assert verbs.collect(market, client=chain_client).last == chain_client.head().number
        assert len(waited) == 1
    finally:
        other.close()


def test_trouble_is_told_once_and_its_end_as_well(market, monkeypatch):
    command = Command(stdout=StringIO(), stderr=StringIO())
    plan = rounds.Plan(snapshots="never")
    troubles = iter(
        [
            OperationalError("server closed\nthe connection"),
            OperationalError("server closed\nthe connection\n\tIs the server running on that host?"),
            ChainUnavailable("No node answers."),
            None,
        ]
    )
    real = rounds.run

    def run_or_fail(*args, **options):
        trouble = next(troubles)
        if trouble:
            raise trouble
        return real(*args, **options)

    monkeypatch.setattr(rounds, "run", run_or_fail)
    monkeypatch.setattr(connection, "close", lambda: None)  # this test's transaction lives in it
    said = ""
    for _ in range(4):
        said = command._round([], client=verbs_client(), plan=plan, said=said)
    assert command.stderr.getvalue().splitlines() == [
        "The database does not answer: server closed the connection",
        "No node answers.",
    ]
    assert "All is well again." in command.stdout.getvalue()
    assert "local to" in command.stdout.getvalue()


def verbs_client():
    from governance.chain.client import default_client  # noqa: PLC0415 - found only once the fixture has set it

    return default_client()


@pytest.mark.django_db(transaction=True)
def test_it_follows_the_head_through_a_lost_connection_until_it_is_told_to_stop(world, chain_client):
    watch(world, chain_client)
    environment = child_environment(DATABASE_URL=database_url(), RPC_URLS=f"http://{chain_client.host}")
    argv = [sys.executable, str(ROOT / "manage.py"), "collect", "--follow", "--every=0.3", "--json"]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            first = json.loads(process.stdout.readline())
            assert first["collected"][0]["last"] == chain_client.head().number
            chain_client.call("evm_mine", [chain_client.head().timestamp + 12])
            _until(lambda: json.loads(process.stdout.readline())["collected"][0]["last"] == chain_client.head().number)
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            assert process.stderr.readline().startswith("The database does not answer: ")
            assert json.loads(process.stdout.readline())["complete"]
        finally:
            process.terminate()
        assert process.wait(timeout=30) == 0
    assert Coverage.objects.exists()


def _until(holds) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
