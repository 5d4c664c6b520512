"""The worker and the beat: Celery processes of this very code, or the workers that an external broker has already."""

from __future__ import annotations

import os
import sys
from functools import cached_property

from governance.env import ROOT, child_environment, env
from governance.services.base import NOT_RUNNING, ServiceStatus
from governance.services.process import Detached
from governance.version import code_version

NODE = f"breakwater-{os.getuid()}@localhost"
QUEUES = "collect,train"
CONCURRENCY = 2
ENVIRONMENT = {
    "BREAKWATER_ROLE": "all",
    "OMP_NUM_THREADS": "1",  # OpenMP hangs in a child that was forked after its parent had started threads
    "CELERY_SKIP_CHECKS": "1",  # Django's checks would load every page; `make test` runs them
}


class CeleryProcess:
    """What worker and beat have in common: they are replaced when the code has changed since they started."""

    name: str
    arguments: tuple[str, ...]
    patience: float  # seconds between asking it to end and killing it

    @cached_property
    def process(self) -> Detached:
        """The running process."""
        return Detached(name=self.name, facts={"code": code_version()})

    def status(self) -> ServiceStatus:
        """Return the state of the process."""
        pid = self.process.pid()
        return ServiceStatus(
            name=self.name,
            running=bool(pid),
            pid=pid,
            where=str(self.process.log_path),
            version=self.process.record().get("code", "")[:12] if pid else "",
            detail=self.detail() if pid else NOT_RUNNING,
        )

    def start(self) -> ServiceStatus:
        """Start the process, or start it anew when it runs older code.

        Raises
        ------
        ServiceError
            When it ends while it starts, or is not ready in time.
        """
        if self.process.pid() and self.process.record().get("code") != code_version():
            self.process.end(patience=self.patience)
        if not self.process.pid():
            argv = [sys.executable, "-m", "celery", "--app=governance.celery", f"--workdir={ROOT}", *self.arguments]
            self.process.spawn(argv, environment=child_environment(**ENVIRONMENT))
            self.process.wait_until(self.ready, seconds=60)
        return self.status()

    def stop(self) -> ServiceStatus:
        """Stop the process; a task that does not end in time is delivered again later."""
        self.process.end(patience=self.patience)
        return self.status()

    def detail(self) -> str:
        """Return one sentence on a running process."""
        return "runs"

    def ready(self) -> bool:
        """Return whether a process that was just started can be used."""
        return bool(self.process.pid())


class Worker(CeleryProcess):
    """Celery's worker: prefork, both queues."""

    name = "worker"
    patience = 20.0
    arguments = (
        "worker",
        "--pool=prefork",
        f"--concurrency={CONCURRENCY}",
        f"--queues={QUEUES}",
        f"--hostname={NODE}",
        "--without-gossip",
        "--without-mingle",
        "--loglevel=INFO",
    )

    def status(self) -> ServiceStatus:
        """Return the state of our worker, or of those that an external broker has."""
        own = super().status()
        if own.running or env().broker_url is None:
            return own
        others = _answering(timeout=1.0)
        if not others:
            return own
        return ServiceStatus(
            name=self.name, running=True, external=True, where=", ".join(others), detail=f"{len(others)} external"
        )

    def start(self) -> ServiceStatus:
        """Start our worker unless an external one answers."""
        status = self.status()
        return status if status.external else super().start()

    def detail(self) -> str:
        """Return what the worker serves."""
        return f"{CONCURRENCY} processes, queues {QUEUES}"

    def ready(self) -> bool:
        """Return whether the worker answers on the broker."""
        return NODE in _answering(timeout=0.3)


class Beat(CeleryProcess):
    """Celery's clock."""

    name = "beat"
    patience = 5.0

    @property
    def arguments(self) -> tuple[str, ...]:  # type: ignore[override]
        """The command's arguments; the schedule's memory lies in the data folder."""
        folder = env().breakwater_data.resolve() / "beat"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return ("beat", f"--schedule={folder / 'schedule'}", "--pidfile=", "--loglevel=INFO")


def _answering(*, timeout: float) -> list[str]:
    """Return the names of the workers that answer within ``timeout`` seconds."""
    from governance.celery import app  # noqa: PLC0415 - reads the settings, which read this package

    replies = app.control.ping(timeout=timeout) or []
    return sorted(name for reply in replies for name in reply)
