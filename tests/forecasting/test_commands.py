"""The commands of collection: what they print, and how they fail."""

from __future__ import annotations

import json
import re
from io import StringIO

import pytest
from django.core.management import call_command

from forecasting import tasks
from forecasting.models import AccountState, Snapshot
from governance.errors import InputError, StaleData
from governance.lab.actors import address
from governance.models import Deployment, Incident
from tests.market import watch

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def run_failing(*words: str) -> str:
    out = StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command(*words, stdout=out)
    return out.getvalue()


def run_json(*words: str) -> dict[str, object]:
    return json.loads(run(*words, "--json"))


@pytest.fixture
def watched(world, chain_client) -> Deployment:
    return watch(world, chain_client)


def test_watch_finds_the_contracts(world, chain_client):
    provider = world.addresses["addresses_provider"]
    found = run_json("watch", "aave_v3", provider, "--slug=mine", "--name=Mine")
    assert found["addresses"]["pool"] == world.addresses["pool"]
    assert Deployment.objects.get(slug="mine").name == "Mine"


def test_watch_takes_a_governor_with_its_companions(world, chain_client):
    timelock = world.addresses["timelock"]
    text = run("watch", "oz", world.addresses["governor"], "--slug=dao", f"--role=timelock={timelock}")
    assert timelock in text
    assert Deployment.objects.get(slug="dao").kind == Deployment.Kind.GOVERNOR


@pytest.mark.parametrize("words", [("watch", "oz", "0x12", "--slug=x"), ("collect", "nothing-of-this-name")])
def test_wrong_input_is_refused(world, chain_client, words):
    with pytest.raises(InputError):
        run(*words)


def test_collect_without_anything_to_collect_says_what_to_do(chain_client):
    assert "manage.py watch" in run("collect")


def test_collect_reconcile_and_health(world, watched):
    (collected,) = run_json("collect")["collected"]
    assert collected["logs"] > 1_000
    assert collected["snapshot"] == Snapshot.objects.get().dataset_hash
    assert "complete from block" in run("collect")
    reconciled = run_json("reconcile")
    assert reconciled["accounts"] == AccountState.objects.count()
    assert {
        name: reconciled[name] for name in ("mismatches", "gaps", "overlaps", "orphans", "altered")
    } == dict.fromkeys(("mismatches", "gaps", "overlaps", "orphans", "altered"), 0)
    assert "to the last digit" in run("reconcile", "local")
    riskiest = AccountState.objects.order_by("health_factor").first()
    shown = run_json("health", riskiest.account)
    assert shown["health_factor"] == int(riskiest.health_factor)
    assert sum(position["debt"] for position in shown["positions"]) > 0
    assert "health factor" in run("health", riskiest.account.lower())


def test_reconcile_fails_when_a_number_differs(watched):
    run("collect")
    AccountState.objects.filter(debt_base__gt=0).update(debt_base=1)
    text = run_failing("reconcile")
    assert re.search(r"local: 0x\w{40} at block [\d,]+: debt_base 1, contract \d+", text)
    assert "more; --json lists them all" in text
    found = json.loads(run_failing("reconcile", "--json"))
    assert found["mismatches"] == len(found["protocols"]["local"]["findings"]) > 20
    fault = Incident.objects.get(kind="mismatch", resolved_at=None)
    assert (fault.times, fault.detail.startswith("local: 0x")) == (2, True)
    Snapshot.objects.all().delete()
    assert run_json("reconcile")["sound"]
    fault.refresh_from_db()
    assert fault.resolved_at


def test_health_of_a_stranger_or_before_collection_is_refused(watched):
    with pytest.raises(StaleData, match=r"manage\.py collect"):
        run("health", address(1, "stranger"))
    run("collect")
    with pytest.raises(InputError, match="never touched"):
        run("health", address(1, "stranger"))


def test_the_task_collects_and_snapshots(watched):
    tasks.collect()
    assert Snapshot.objects.filter(deployment=watched).count() == 1
