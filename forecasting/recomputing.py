"""The process in which something registered is computed again; `forecasting.reproducing` starts it and reads it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from forecasting import lifecycle
from forecasting.backtests.bench import Part, lay_out
from forecasting.models import BacktestRun, ModelVersion
from governance.errors import BreakwaterError

type Progress = Callable[[int, int, str], None]


def backtest(run: BacktestRun, *, threads: int, progress: Progress) -> dict[str, Any]:
    """Compute every unit of a run again, ``threads`` of them at a time; return the hashes.

    Raises
    ------
    DataError
        When its rows are no longer there.
    """
    bench = lay_out(run)
    total = len(bench.units)
    with ThreadPoolExecutor(threads) as pool:
        begun: dict[Future[Part], str] = {}
        while bench.missing:
            for unit in set(bench.ready) - set(begun.values()):
                begun[pool.submit(bench.compute, unit, tick=_nothing)] = unit
            for future in wait(begun, return_when=FIRST_COMPLETED).done:
                unit = begun.pop(future)
                bench.parts[unit] = future.result()
                progress(total - len(bench.missing), total, unit)
    parts = {name: part.content_hash for name, part in bench.parts.items()}
    return {"content_hash": bench.report()["content_hash"], "parts": parts}


def model(version: ModelVersion, *, threads: int) -> dict[str, Any]:
    """Fit a model version again; return the hash of its artifact."""
    return {"content_hash": lifecycle.refit(version, threads=threads), "parts": {}}


def main() -> None:
    """Compute again what the arguments name: what, id, threads; the last line of JSON is the result."""
    what, number, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    try:
        if what == "model":
            told = model(ModelVersion.objects.select_related("dataset").get(pk=number), threads=threads)
        else:
            run = BacktestRun.objects.select_related("dataset").get(pk=number)
            told = backtest(run, threads=threads, progress=_progress)
    except BreakwaterError as error:
        told = {"error": error.message}
    _say(told)


def _progress(done: int, total: int, unit: str) -> None:
    _say({"done": done, "total": total, "unit": unit})


def _nothing() -> None:
    """Let the work go on."""


def _say(told: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
