"""Detached programs: start them, find them again, end them.

A program's record (process id and start time) lies in the data folder. The start time tells our process from a
stranger that was given the same id later.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from governance.env import env
from governance.errors import ServiceError

SAME_START = 2.0  # seconds; the boot time that start times are counted from moves a little with the clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Detached:
    """One program that outlives the command that started it.

    Attributes
    ----------
    name : str
        Names the record and the log.
    facts : Mapping[str, str]
        Kept in the record, e.g. the code version that was started.
    """

    name: str
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def record_path(self) -> Path:
        """The file with the process's id and start time."""
        return env().breakwater_data / "processes" / f"{self.name}.json"

    @property
    def log_path(self) -> Path:
        """The file that takes the program's output."""
        return env().breakwater_data / "logs" / f"{self.name}.log"

    def record(self) -> dict[str, str]:
        """Return what was recorded at the last start, or an empty dict."""
        try:
            found = json.loads(self.record_path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}

    def pid(self) -> int:
        """Return the running process's id, or 0."""
        record = self.record()
        if "pid" not in record:
            return 0
        return alive(int(record["pid"]), started=float(record["started"]))

    def spawn(self, argv: Sequence[str], *, environment: Mapping[str, str]) -> int:
        """Start the program in a session of its own, its output appended to the log; return its process id."""
        self.record_path.parent.mkdir(parents=True, exist_ok=True)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        pid = os.posix_spawn(
            argv[0],
            list(argv),
            dict(environment),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.log_path), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=[],
        )
        facts = {**self.facts, "pid": pid, "started": psutil.Process(pid).create_time()}
        draft = self.record_path.with_suffix(f".{pid}")
        draft.write_text(json.dumps(facts), encoding="utf-8")
        draft.replace(self.record_path)
        return pid

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Wait until ``ready()``.

        Raises
        ------
        ServiceError
            When the process ended, or ``seconds`` went by; the message quotes the log's last line.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.pid():
                raise ServiceError(f"The {self.name} ended while it started: {self.last_words()}", service=self.name)
            if time.monotonic() > deadline:
                self.end()
                raise ServiceError(
                    f"The {self.name} did not answer within {seconds:.0f} s; see {self.log_path}.", service=self.name
                )
            time.sleep(0.05)

    def last_words(self) -> str:
        """Return the log's last line and where to read the rest."""
        with suppress(FileNotFoundError):
            lines = self.log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            if lines:
                return f"{lines[-1][:300]} (see {self.log_path})"
        return "it wrote no log."

    def end(self, *, patience: float = 20.0) -> None:
        """Ask the process to end, wait ``patience`` seconds, then kill it and its children."""
        pid = self.pid()
        if pid:
            with suppress(psutil.NoSuchProcess):
                end(psutil.Process(pid), patience=patience)
        self.record_path.unlink(missing_ok=True)


def alive(pid: int, *, started: float) -> int:
    """Return ``pid`` when it is still the process that started at ``started`` (Unix seconds), else 0."""
    try:
        process = psutil.Process(pid)
        gone = process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - started) > SAME_START
    except psutil.NoSuchProcess:
        return 0
    return 0 if gone else pid


def end(process: psutil.Process, *, patience: float) -> None:
    """Terminate ``process``; what is left of it and its children after ``patience`` seconds is killed."""
    family = [process, *process.children(recursive=True)]
    process.terminate()
    _, left = psutil.wait_procs(family, timeout=patience)
    for survivor in left:
        with suppress(psutil.NoSuchProcess):
            survivor.kill()
    psutil.wait_procs(left, timeout=5)


def claim_folder(folder: Path) -> None:
    """Make a folder for sockets, and refuse one that a stranger made.

    Raises
    ------
    ServiceError
        When the folder belongs to somebody else.
    """
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise ServiceError(f"{folder} belongs to another user; remove it, or set BREAKWATER_DATA.", folder=folder)
