from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from governance.env import Env, child_environment
from governance.errors import ServiceError
from governance.services import process
from governance.services.process import Detached

SLEEP = [sys.executable, "-c", "import time; print('started', flush=True); time.sleep(60)"]


@pytest.fixture
def program(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "env", lambda: Env(breakwater_data=tmp_path))
    found = Detached(name="sleeper", facts={"code": "abc"})
    yield found
    found.end(patience=2)


def test_a_program_is_found_again_by_its_record(program):
    pid = program.spawn(SLEEP, environment=child_environment())
    assert Detached(name="sleeper").pid() == pid
    assert program.record()["code"] == "abc"
    program.wait_until(lambda: "started" in program.log_path.read_text(), seconds=20)
    assert os.getsid(pid) == pid


def test_a_recycled_process_id_is_not_ours(program):
    program.record_path.parent.mkdir(parents=True)
    program.record_path.write_text(json.dumps({"pid": os.getpid(), "started": time.time() - 86_400}))
    assert program.pid() == 0
    program.end()
    assert not program.record_path.exists()


@pytest.mark.parametrize("content", ["", "{", "null"])
def test_a_spoilt_record_counts_as_none(program, content):
    program.record_path.parent.mkdir(parents=True)
    program.record_path.write_text(content)
    assert program.pid() == 0


def test_ending_waits_and_kills_what_does_not_listen(program):
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    pid = program.spawn([sys.executable, "-c", deaf], environment=child_environment())
    program.wait_until(lambda: "deaf" in program.log_path.read_text(), seconds=20)
    program.end(patience=0.2)
    assert program.pid() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_program_that_ends_at_once_is_quoted(program):
    program.spawn([sys.executable, "-c", "raise SystemExit('no such luck')"], environment=child_environment())
    with pytest.raises(ServiceError, match="no such luck"):
        program.wait_until(lambda: False, seconds=20)


def test_a_program_that_never_answers_is_ended(program):
    program.spawn(SLEEP, environment=child_environment())
    with pytest.raises(ServiceError, match="did not answer"):
        program.wait_until(lambda: False, seconds=0.2)
    assert program.pid() == 0


def test_a_program_survives_the_command_that_started_it(program, tmp_path):
    script = (
        "import sys, time\n"
        "from governance.env import child_environment\n"
        "from governance.services.process import Detached\n"
        f"Detached(name='sleeper').spawn({SLEEP!r}, environment=child_environment())\n"
        "print('spawned', flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = child_environment(BREAKWATER_DATA=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == b"spawned\n"
        os.killpg(os.getpgid(command.pid), 0)
        command.send_signal(signal.SIGKILL)
    assert program.pid() != 0


def test_a_folder_of_a_stranger_is_refused(monkeypatch, tmp_path):
    process.claim_folder(tmp_path / "ours")
    monkeypatch.setattr(process.os, "geteuid", lambda: 12_345)
    with pytest.raises(ServiceError, match="belongs to another user"):
        process.claim_folder(tmp_path / "ours")
