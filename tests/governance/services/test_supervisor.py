from __future__ import annotations

import fcntl

import pytest

from governance.env import Env
from governance.errors import ConflictError
from governance.services import supervisor
from governance.services.base import ServiceStatus


def stand_in(name, log):
    class StandIn:
        running = False

        def status(self):
            return ServiceStatus(name=name, running=StandIn.running, pid=int(StandIn.running))

        def start(self):
            log.append(f"start {name}")
            StandIn.running = True
            return self.status()

        def stop(self):
            log.append(f"stop {name}")
            StandIn.running = False
            return self.status()

    StandIn.name = name
    return StandIn


@pytest.fixture
def log(monkeypatch, tmp_path):
    log = []
    monkeypatch.setattr(supervisor, "ORDER", tuple(stand_in(name, log) for name in supervisor.NAMES))
    monkeypatch.setattr(supervisor, "env", lambda: Env(breakwater_data=tmp_path))
    monkeypatch.setattr(supervisor.schema, "migrate", lambda: log.append("migrate") or 0)
    return log


def test_what_a_service_requires_starts_before_it_and_migrations_before_workers(log):
    told = []
    supervisor.ensure("worker", tell=told.append)
    assert log == ["start database", "migrate", "start broker", "start worker"]
    assert len(told) == 3


def test_what_runs_already_is_not_announced(log):
    supervisor.ensure("broker")
    told = []
    supervisor.ensure("broker", tell=told.append)
    assert told == []


def test_services_stop_in_reverse(log):
    supervisor.stop("database", "worker", "broker")
    assert log == ["stop worker", "stop broker", "stop database"]


def test_an_unknown_service_is_a_mistake_of_the_code(log):
    with pytest.raises(ValueError, match="no such service: databse"):
        supervisor.ensure("databse")
    assert log == []


def test_another_command_that_holds_the_lock_is_waited_for_and_then_named(log, monkeypatch, tmp_path):
    monkeypatch.setattr(supervisor, "PATIENCE", 0.2)
    with (tmp_path / "services.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ConflictError, match="Another command"):
            supervisor.ensure("broker")
    assert log == []
    supervisor.ensure("broker")
    assert log == ["start broker"]
