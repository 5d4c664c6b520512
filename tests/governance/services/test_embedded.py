"""The embedded services from outside: the command, on a data folder of its own, as a person would meet them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from governance.env import ROOT, child_environment, env

pytestmark = pytest.mark.timeout(180)


class Person:
    """Runs commands on a fresh data folder."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, *arguments, **environment):
        values = child_environment(**{"BREAKWATER_DATA": str(self.folder), **environment})
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=values, capture_output=True, text=True, check=False)

    def services(self, *arguments, **environment):
        done = self.run("services", *arguments, "--json", **environment)
        assert done.returncode == 0, done.stderr or done.stdout
        return {state["name"]: state for state in json.loads(done.stdout)["services"]}


@pytest.fixture
def person(worker_id):
    folder = env().breakwater_data / f"person-{worker_id}"
    someone = Person(folder)
    yield someone
    if (folder / "processes").exists() or (folder / "postgres").exists():
        someone.run("services", "stop")
    home = (folder / "postgres").resolve()
    for left in (home, folder):
        shutil.rmtree(left, ignore_errors=True)


def test_services_are_found_again_survive_a_kill_and_stop_cleanly(person):
    first = person.services("start", "database", "broker")
    assert first["database"]["running"]
    assert first["broker"]["running"]
    assert not first["web"]["running"]
    assert person.services("start", "database", "broker") == first

    password = (person.folder / "secrets" / "database").read_text()
    target = f"host={first['database']['where'].split(':')[0]} user=postgres dbname=breakwater password={password}"
    with psycopg.connect(target) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(target.replace(password, "a-guess"))
    os.kill(first["database"]["pid"], signal.SIGKILL)
    again = person.services("start", "database")
    assert again["database"]["pid"] != first["database"]["pid"]
    with psycopg.connect(target) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)

    after = person.services("stop")
    assert not any(state["running"] for state in after.values())
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(target)


def test_two_commands_that_start_together_start_one_server(person):
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(lambda _: person.services("start", "broker"), range(2))
    assert first["broker"]["running"]
    assert first["broker"]["pid"] == second["broker"]["pid"]


def test_data_of_another_version_is_refused_in_one_line(person):
    person.services("start", "database")
    person.services("stop")
    (person.folder / "postgres" / "cluster" / "PG_VERSION").write_text("14\n")
    done = person.run("services", "start", "database")
    assert done.returncode == 1
    assert "written by PostgreSQL 14" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("environment", "status", "message"),
    [
        ({"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x"}, 1, "The database at 127.0.0.1:1/x does not answer"),
        ({"DATABASE_URL": "nonsense"}, 2, "DATABASE_URL is not usable"),
        ({"BROKER_URL": "redis://:hunter2@127.0.0.1:1/0"}, 1, "does not answer; start it, or unset BROKER_URL"),
        ({"WEB_PORT": "many"}, 2, "WEB_PORT"),
    ],
)
def test_bad_addresses_end_in_one_clear_line(person, environment, status, message):
    done = person.run("services", "start", "database" if "DATABASE_URL" in environment else "broker", **environment)
    assert done.returncode == status
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "hunter2" not in done.stderr + done.stdout


def test_an_unknown_service_is_refused(person):
    done = person.run("services", "stop", "databse")
    assert done.returncode == 2
    assert "There is no service databse; there are database, broker" in done.stderr


def test_an_external_service_is_neither_started_nor_stopped(person):
    broker = person.services("start", "broker")["broker"]
    secret = (person.folder / "secrets" / "broker").read_text()
    url = f"redis+socket://:{secret}@{broker['where']}"
    other = Person(person.folder / "other")
    assert other.services("start", "broker", BROKER_URL=url)["broker"]["external"]
    assert other.services("stop", "broker", BROKER_URL=url)["broker"]["running"]
