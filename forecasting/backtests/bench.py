"""A run laid out for work: its kind, its inputs, its units, and the arrays of those that are done."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from typing import Any

from forecasting import artifacts
from forecasting.backtests.base import Arrays, Done, Inputs, Kind, Request, Result, Tick, kind
from forecasting.models import BacktestRun, BacktestUnit
from forecasting.selectors import SIMULATION
from governance.domain.canonical import digest
from governance.errors import DataError, ImplausibleData, InputError
from governance.version import code_version

LARGE = 1e16  # from here on a database writes whole floats without a decimal point


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a unit has brought: its arrays, their bytes, and the SHA-256 of these."""

    arrays: Arrays
    packed: bytes
    content_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A run laid out for work.

    Attributes
    ----------
    kind, request, inputs : Kind, dict, Inputs
    units : mapping of str to tuple of str
        Each unit, and those that it needs.
    parts : dict of str to Part
        What is there so far.
    """

    kind: Kind[Any]
    request: Request
    inputs: Inputs
    units: Mapping[str, tuple[str, ...]]
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """Units that are not done, in order."""
        return tuple(unit for unit in self.units if unit not in self.parts)

    @property
    def ready(self) -> tuple[str, ...]:
        """Those of them of which all is there that they need."""
        return tuple(unit for unit in self.missing if self.parts.keys() >= set(self.units[unit]))

    def compute(self, unit: str, *, tick: Tick) -> Part:
        """Return what ``unit`` brings, from those that it needs and no other."""
        done = {name: self.parts[name].arrays for name in self.units[unit]}
        arrays = self.kind.compute(unit, request=self.request, inputs=self.inputs, done=done, tick=tick)
        packed = artifacts.pack(arrays)
        return Part(arrays=arrays, packed=packed, content_hash=artifacts.content_hash(packed))

    def report(self) -> Result:
        """Return the result from the arrays of all units, with its content hash."""
        done: Done = {name: self.parts[name].arrays for name in self.units}
        result = settled(self.kind.report(self.request, self.inputs, done))
        return {**result, "content_hash": self.content_hash(result)}

    def content_hash(self, result: Result) -> str:
        """Return the SHA-256 of all that the run says: request, rows, arrays and result."""
        return run_hash(
            kind=self.kind.slug,
            request=self.request,
            dataset=self.inputs.dataset.hash,
            units={name: part.content_hash for name, part in self.parts.items()},
            result=result,
        )


def run_hash(*, kind: str, request: Request, dataset: str, units: Mapping[str, str], result: Result) -> str:
    """Return the content hash of a run; ``units`` are its units' hashes, ``result`` says what it says without one."""
    told = {name: value for name, value in result.items() if name != "content_hash"}
    return digest({"kind": kind, "request": request, "dataset": dataset, "units": dict(units), "result": told})


def lay_out(run: BacktestRun) -> Bench:
    """Return a run without any part.

    Raises
    ------
    DataError
        When its rows are not those that it was asked for.
    """
    found = kind(run.kind)
    inputs = found.inputs(run.request)
    if inputs.dataset.hash != run.dataset.hash:
        message = (
            f"The rows of dataset {run.dataset.hash[:12]} cannot be read again: they are {inputs.dataset.hash[:12]}."
        )
        raise DataError(message, run=run.pk)
    return Bench(kind=found, request=run.request, inputs=inputs, units=found.units(run.request, inputs))


def forget() -> None:
    """Let go of what this process keeps of a run that has ended."""
    _kept.cache_clear()


@lru_cache(maxsize=1)  # a worker keeps what it has read between two messages of one run
def _kept(run_id: int, key: str) -> Bench:
    return lay_out(BacktestRun.objects.select_related("dataset").get(pk=run_id, key=key))


def open_run(run: BacktestRun) -> Bench:
    """Return a run as this process knows it from before, with the parts that others have stored since.

    Raises
    ------
    DataError
        When its rows are not those that it was asked for, or it was asked for with other code.
    """
    if run.code_version != code_version():
        raise DataError("It was asked for with other code than this worker runs; ask again.", run=run.pk)
    bench = _kept(run.pk, run.key)
    fetch(bench, run)
    return bench


def fetch(bench: Bench, run: BacktestRun) -> None:
    """Add the parts that are stored; one whose bytes are not what was stored is forgotten, and computed again."""
    known = run.units.exclude(arrays=None).filter(name__in=bench.missing)
    for row in known:
        try:
            bench.parts[row.name] = opened(row)
        except ImplausibleData:
            row.delete()


def opened(row: BacktestUnit) -> Part:
    """Return what is stored of a unit.

    Raises
    ------
    ImplausibleData
        When its bytes are not those that were stored.
    """
    try:
        packed = zlib.decompress(bytes(row.arrays or b""))
    except zlib.error:
        packed = b""
    found = artifacts.content_hash(packed)
    if found != row.content_hash:
        message = f"Unit {row.name} of run {row.run_id} was altered: its hash is {found[:12]}."
        raise ImplausibleData(message, unit=row.name, run=row.run_id)
    return Part(arrays=artifacts.unpack(packed), packed=packed, content_hash=found)


def called(run: BacktestRun) -> str:
    """Return what people call a run, at the beginning of a sentence."""
    return f"{'Simulation' if run.kind == SIMULATION else 'Backtest'} {run.pk}"


def verify(run: BacktestRun, *, units: Collection[str] = ()) -> dict[str, str]:
    """Return the hashes of a run's units, of which each was checked, and the run's with them.

    Parameters
    ----------
    run : BacktestRun
    units : collection of str
        The units that it must have, where they are known; it has some in any case.

    Raises
    ------
    InputError
        When the run is not done.
    ImplausibleData
        When units, request or result are not what was stored.
    """
    if run.status != BacktestRun.Status.DONE:
        raise InputError(f"{called(run)} is {run.status}; only one that is done has a hash.", field="id", value=run.pk)
    kept = {row.name: opened(row).content_hash for row in run.units.all()}
    if not kept or (units and kept.keys() != set(units)):
        message = f"{called(run)} says that it is done, but has not the {len(units) or 1} units that make it up."
        raise ImplausibleData(message, run=run.pk)
    found = run_hash(kind=run.kind, request=run.request, dataset=run.dataset.hash, units=kept, result=dict(run.result))
    if found != run.content_hash:
        message = f"{called(run)} was altered after it ended: its hash is {found[:12]}, not {run.content_hash[:12]}."
        raise ImplausibleData(message, run=run.pk, hash=found)
    return kept


def settled(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return JSON-ready data as it comes back from the database, so that its hash is the same before and after."""
    if isinstance(value, Mapping):
        return {str(name): settled(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [settled(item) for item in value]
    if isinstance(value, float) and isfinite(value):
        return int(value) if abs(value) >= LARGE else float(value) + 0.0  # a database knows no negative zero
    return value
