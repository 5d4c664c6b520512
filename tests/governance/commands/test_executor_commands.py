"""The executor's two commands, and what its process loads."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from django.core.management import call_command
from django.db import InterfaceError, OperationalError

from governance import executor
from governance.chain.signer import create_keystore
from governance.env import ROOT, child_environment, env
from governance.errors import ChainError, ConflictError, DishonestAnswer, ImplausibleData, MissingTool
from governance.models import RelayAttempt
from governance.relay import is_paused
from tests.dao import TIMELOCK


@pytest.fixture
def executors_process(monkeypatch):
    """Let this process pass for the executor's own."""
    own = env().model_copy(update={"breakwater_role": "executor"})
    monkeypatch.setattr("governance.executor.env", lambda: own)


@pytest.fixture
def key(tmp_path, monkeypatch, executors_process):
    """Return the address of an executor whose key lies in a folder of this test."""
    files = executor.KeyFiles(keystore=tmp_path / "keystore.json", password_file=tmp_path / "password")
    monkeypatch.setattr("governance.executor.key_files", lambda: files)
    return create_keystore(keystore=files.keystore, password_file=files.password_file, iterations=2)


@pytest.fixture
def run(dao, key, monkeypatch, capsys):
    """Return a function that runs a command and returns its JSON."""
    monkeypatch.setattr("governance.management.commands.relay.default_client", lambda: dao.client)
    dao.fund(key)

    def run(*argv):
        capsys.readouterr()
        call_command(*argv, "--json")
        return json.loads(capsys.readouterr().out)

    return run


def test_relay_once_collects_indexes_and_relays_by_itself(dao, watched, run):
    dao.pass_vote(dao.bundle(21), watched)
    first = run("relay", "--once")
    assert [(step["step"], step["status"]) for step in first["outcomes"]] == [("queue", "done"), ("execute", "waiting")]
    dao.warp(TIMELOCK)
    second = run("relay", "--once")
    assert (second["executions"], second["ok"]) == (1, True)
    assert run("relay", "--once")["executions"] == 0
    assert (RelayAttempt.objects.count(), dao.price()) == (2, 21)


def test_a_failed_relay_ends_with_status_1_and_says_what_failed(dao, watched, run, capsys):
    dao.pass_vote(dao.bundle(3, feed=dao.foreign_feed), watched)
    run("relay")
    dao.warp(TIMELOCK)
    with pytest.raises(SystemExit) as ended:
        call_command("relay")
    assert ended.value.code == 1
    assert "failed (The contract refused" in capsys.readouterr().out


def test_the_switch(db, run, key):
    assert run("executor", "pause", "--reason", "an incident")["pause_reason"] == "an incident"
    assert is_paused()
    state = run("executor", "resume")
    assert (state["paused"], state["address"]) == (False, key)
    assert not is_paused()
    assert run("executor", "audit")["entries"] == 2


def test_init_makes_a_key_once(tmp_path, db, monkeypatch, capsys, executors_process):
    files = executor.KeyFiles(keystore=tmp_path / "new" / "keystore.json", password_file=tmp_path / "new" / "password")
    monkeypatch.setattr("governance.executor.key_files", lambda: files)
    with pytest.raises(MissingTool):
        call_command("executor", "status")
    call_command("executor", "init", "--json")
    made = json.loads(capsys.readouterr().out)
    call_command("executor", "init", "--json")
    again = json.loads(capsys.readouterr().out)
    assert (made["created"], again["created"]) == (True, False)
    assert made["address"] == again["address"]
    call_command("executor", "status")
    assert made["address"] in capsys.readouterr().out


@pytest.mark.parametrize("touch", [executor.create, executor.signer, lambda: call_command("executor", "init")])
def test_no_other_process_touches_the_key(tmp_path, db, monkeypatch, touch):
    files = executor.KeyFiles(keystore=tmp_path / "keystore.json", password_file=tmp_path / "password")
    monkeypatch.setattr("governance.executor.key_files", lambda: files)
    with pytest.raises(ConflictError, match="its own process alone"):
        touch()
    assert not list(tmp_path.iterdir())
    create_keystore(keystore=files.keystore, password_file=files.password_file, iterations=2)
    with pytest.raises(ConflictError, match="its own process alone"):
        touch()


def test_following_survives_what_fails_in_one_cycle(db, key, monkeypatch, capsys):
    faults = [
        ChainError("the node refused"),
        DishonestAnswer("the node lied"),
        ImplausibleData("that cannot be"),
        OperationalError("server closed\nthe connection"),
        InterfaceError("the connection is closed"),
    ]
    handlers, closed, left = {}, [], list(faults)

    def cycle(**_):
        if not left:
            handlers["stop"]()
            raise ConflictError("the last one")
        raise left.pop(0)

    monkeypatch.setattr("governance.executor.cycle", cycle)
    module = "governance.management.commands.relay"
    monkeypatch.setattr(f"{module}.signal.signal", lambda _number, handler: handlers.update(stop=handler))
    monkeypatch.setattr(f"{module}.connection.close", lambda: closed.append(True))
    call_command("relay", "--follow", "--every=0")
    said = capsys.readouterr().err
    assert all(words in said for words in ("refused", "lied", "cannot be", "closed the connection", "the last one"))
    assert len(closed) == 2


@pytest.mark.parametrize("command", ["relay", "executor"])
def test_the_executors_process_loads_the_ground_floor_alone(command):
    """No optimiser, no model file and no numeric stack is inside the process that holds the key."""
    script = (
        f"import sys; sys.argv = ['manage.py', '{command}', '--help']\n"
        "import manage\n"
        "try:\n    manage.main()\nexcept SystemExit:\n    pass\n"
        "import governance.relay, governance.governors.oz, governance.executor\n"
        "from django.apps import apps\n"
        "print('FLOORS', sorted(app.name for app in apps.get_app_configs() if '.' not in app.name))\n"
        "print('LOADED', sorted({name.split('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=child_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith(("FLOORS", "LOADED")))
    assert "'governance'" in lines["FLOORS"]
    unwanted = {"forecasting", "proposals", "numpy", "pandas", "scipy", "sklearn", "statsmodels", "numba", "pyarrow"}
    loaded = set(json.loads(lines["LOADED"].replace("'", '"')))
    assert not loaded & unwanted
    assert "eth_account" in loaded
