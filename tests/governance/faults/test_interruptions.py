"""A worker that is killed, a database that is restarted: in the end the tables are those of an undisturbed run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from governance.env import ROOT, child_environment
from governance.models import Coverage
from tests.chaos.history import collect, forget, history, watch
from tests.fixtures.celery import database_url

HEAD = 400


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.worker", *arguments],
        cwd=ROOT,
        env=child_environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process: subprocess.Popen[str]) -> dict[str, object]:
    said, complaint = process.communicate(timeout=120)
    assert process.returncode == 0, complaint
    found: dict[str, object] = json.loads(said)
    return found


@pytest.mark.django_db(transaction=True)
def test_a_killed_worker_leaves_whole_ranges_and_the_next_one_completes_them(still_chain, chaos):
    deployment = watch(still_chain)
    undisturbed = collect(still_chain.client, deployment, to_block=HEAD)
    forget()
    slow = chaos("range-cap", amount=10).plant("slow", amount=0.05)
    environment = {"DATABASE_URL": database_url(), "FETCHERS": "2"}
    process = start("collect", slow.url, still_chain.watched, str(HEAD), **environment)
    deadline = time.monotonic() + 60
    while Coverage.objects.count() < 5:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    half = history(deployment)
    assert 0 < len(half.logs) < len(undisturbed.logs)
    assert set(half.logs) < set(undisturbed.logs)
    assert len(half.blocks) == sum(row.last - row.first + 1 for row in Coverage.objects.all())
    slow.calm()
    found = outcome(start("collect", slow.url, still_chain.watched, str(HEAD), **environment))
    assert found["last"] == HEAD
    assert history(deployment) == undisturbed


@pytest.mark.django_db
def test_a_database_that_restarts_in_the_middle_of_a_copy_loses_nothing(still_chain, tmp_path):
    from tests.chaos.worker import summary  # noqa: PLC0415 - it sets Django up, which the tests have done by then

    undisturbed = collect(still_chain.client, watch(still_chain), to_block=HEAD)
    process = start("restart", still_chain.url, still_chain.watched, str(HEAD), BREAKWATER_DATA=str(tmp_path))
    found = outcome(process)
    assert found.pop("interrupted") in {"OperationalError", "InterfaceError"}
    assert found.pop("half") == 0
    assert found == json.loads(json.dumps(summary(undisturbed)))
