"""Compute again what is registered, and compare content hashes.

The work is done by `forecasting.recomputing` in a process of its own: numeric libraries read how many threads they may
use once, when they are loaded, and nothing that this process remembers may help.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from forecasting import artifacts
from forecasting.backtests import bench
from forecasting.models import BacktestRun, ModelVersion
from governance.env import ROOT, child_environment
from governance.errors import DataError, InputError, ServiceError

type Progress = Callable[[int, int, str], None]

BACKTEST, MODEL = "backtest", "model"
START = "import django; django.setup(); from forecasting import recomputing; recomputing.main()"
LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
SHORTEST = 6  # letters of a hash that is begun


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What was registered, and what came out when it was computed again.

    Attributes
    ----------
    what, id : str, int
        ``backtest`` or ``model``, and its number.
    content_hash, recomputed : str
        The registered hash and the new one.
    differs : tuple of str
        Parts of a backtest whose arrays are others than they were.
    threads : int
    seconds : float
    """

    what: str
    id: int
    content_hash: str
    recomputed: str
    differs: tuple[str, ...]
    threads: int
    seconds: float

    @property
    def same(self) -> bool:
        """Whether it came out the same, to the byte."""
        return self.content_hash == self.recomputed

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON-ready data."""
        return {**asdict(self), "same": self.same}


def find_version(name: str) -> ModelVersion:
    """Return the model version of that number, or whose artifact's hash begins so.

    Raises
    ------
    InputError
        When there is none, or there are several.
    """
    versions = ModelVersion.objects.select_related("dataset")
    if name.isdecimal():
        found = list(versions.filter(pk=int(name)))
    elif len(name) >= SHORTEST:
        found = list(versions.filter(artifact_hash__startswith=name).order_by("-pk"))
    else:
        raise InputError(f"{name} is no number and too short for a hash.", field="version", value=name)
    if not found or len({version.artifact_hash for version in found}) > 1:
        message = f"{len(found) or 'No'} model versions are called {name}; give a number, or more of the hash."
        raise InputError(message, field="version", value=name)
    return found[0]


def model(version: ModelVersion, *, threads: int, progress: Progress) -> Reproduction:
    """Fit a model version again.

    Raises
    ------
    ImplausibleData
        When its artifact was altered.
    DataError
        When its rows are no longer there.
    """
    artifacts.load(version)
    return _compare(MODEL, version.pk, version.artifact_hash, threads=threads, progress=progress)


def backtest(run: BacktestRun, *, threads: int, progress: Progress) -> Reproduction:
    """Compute a backtest again.

    Raises
    ------
    InputError
        When the run has not ended well.
    ImplausibleData
        When what it stored was altered.
    DataError
        When its rows are no longer there.
    """
    return _compare(BACKTEST, run.pk, run.content_hash, threads=threads, progress=progress, parts=bench.verify(run))


def _compare(
    what: str,
    number: int,
    expected: str,
    *,
    threads: int,
    progress: Progress,
    parts: Mapping[str, str] | None = None,
) -> Reproduction:
    if threads < 1:
        raise InputError(f"threads is {threads}; it must be at least 1.", field="threads", value=threads)
    began = time.monotonic()
    told = _elsewhere(what, number, threads=threads, progress=progress)
    again, known = told["parts"], parts or {}
    return Reproduction(
        what=what,
        id=number,
        content_hash=expected,
        recomputed=told["content_hash"],
        differs=tuple(sorted(name for name in {*again, *known} if again.get(name) != known.get(name))),
        threads=threads,
        seconds=round(time.monotonic() - began, 3),
    )


def _elsewhere(what: str, number: int, *, threads: int, progress: Progress) -> dict[str, Any]:
    """Let another process compute, and return what it says last."""
    argv = [sys.executable, "-c", START, what, str(number), str(threads)]
    environment = child_environment(
        DJANGO_SETTINGS_MODULE="governance.settings", **dict.fromkeys(LIBRARIES, str(threads))
    )
    told: dict[str, Any] = {}
    with subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout or ():
                told = json.loads(line)
                if "unit" in told:
                    progress(told["done"], told["total"], told["unit"])
        except BaseException:
            process.kill()
            raise
    if "error" in told:
        raise DataError(told["error"])
    if process.returncode or "content_hash" not in told:
        raise ServiceError(f"The process that computes ended with status {process.returncode}.", what=what, id=number)
    return told
