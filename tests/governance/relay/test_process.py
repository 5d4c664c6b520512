"""The executor as the process that it is: killed, started again, and told to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from django.db import connection

from governance.chain.signer import create_keystore
from governance.env import ROOT, child_environment
from governance.models import RelayAttempt, RelayStep
from tests.dao import DELAY, PERIOD
from tests.fixtures.celery import database_url


@pytest.fixture
def environment(dao, tmp_path):
    """Return the environment of an executor with a key of its own, on the test's database and node."""
    files = {"keystore": tmp_path / "keystore.json", "password_file": tmp_path / "password"}
    dao.fund(create_keystore(**files, iterations=2))
    return child_environment(
        DATABASE_URL=database_url(),
        RPC_URLS=f"http://{dao.client.host}",
        EXECUTOR_KEYSTORE=str(files["keystore"]),
        EXECUTOR_PASSWORD_FILE=str(files["password_file"]),
    )


@contextmanager
def executor(environment):
    argv = [sys.executable, str(ROOT / "manage.py"), "relay", "--follow", "--every=0.2", "--json"]
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def wait_for(condition, process):
    deadline = time.monotonic() + 90
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@pytest.mark.django_db(transaction=True)
def test_a_kill_between_sending_and_the_receipt_loses_and_doubles_nothing(dao, environment):
    watched = dao.watch()
    dao.pass_vote(dao.bundle(), watched)
    dao.client.call("evm_setAutomine", [False])
    try:
        with executor(environment) as process:
            wait_for(RelayAttempt.objects.filter(status="sent").exists, process)
            process.send_signal(signal.SIGKILL)
            assert process.wait(30) == -signal.SIGKILL
    finally:
        dao.client.call("evm_setAutomine", [True])
    dao.mine(1)
    with executor(environment) as process:
        wait_for(RelayStep.objects.filter(step="queue", status="done").exists, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    attempt = RelayAttempt.objects.get()
    assert (attempt.status, attempt.step.done_by) == ("mined", "self")
    assert len(dao.events("ProposalQueued(uint256,uint256)")) == 1
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_lost_database_session_does_not_end_the_executor(dao, environment):
    watched = dao.watch()
    proposal_id = dao.propose(dao.bundle(), deployment=watched)
    with executor(environment) as process:
        wait_for(RelayStep.objects.filter(step="queue").exists, process)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            assert cursor.fetchone()[0]
        dao.warp(DELAY + 1)
        dao.vote(proposal_id, watched)
        dao.warp(PERIOD + 1)
        wait_for(RelayStep.objects.filter(step="queue", status="done").exists, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert "The database does not answer" in process.communicate()[0]
    connection.close()
