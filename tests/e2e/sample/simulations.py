"""Sample simulations: small markets run through the engine, told as `manage.py simulate --json` tells them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.cascade import CascadeRules
from forecasting.core.liquidators import Liquidators
from forecasting.core.outcomes import Limits
from forecasting.core.worlds.base import Draw
from forecasting.models import BacktestRun, Dataset
from forecasting.simulations import cutting, result, telling
from forecasting.simulations.depths import Depths
from forecasting.simulations.lenders import Lender
from forecasting.simulations.posing import Posed
from tests.e2e.sample.backtests import finished
from tests.e2e.sample.base import DAY, HEAD, HEAD_TIME, hash_of
from tests.forecasting import samples

PATHS, HOURS, SEED = 200, 36, 4
WILD = 1.6  # how wild the sample's futures are
CRASH = (0.92, 0.8, 0.7, 0.62, 0.66, 0.7, 0.72, 0.71)  # of the start's price, by hour
RESERVE = 250_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A world that was drawn beforehand."""

    growth: Floats
    title: str
    what: str
    size: int | None = None
    symbols: tuple[str, ...] = samples.SYMBOLS
    assumptions: tuple[str, ...] = ("WETH is priced as ETH.", "Prices have no drift.")
    step_hours: float = 1.0

    @property
    def hours(self) -> int:
        return self.growth.shape[1]

    @property
    def deterministic(self) -> bool:
        return self.size == 1

    @property
    def depth_scale(self) -> Floats:
        return np.ones(len(self.symbols))

    def draw(self, first: int, count: int) -> Draw:
        """Return a cut; a single path is repeated."""
        at = np.zeros(count, dtype=int) if self.size == 1 else np.arange(first, first + count)
        return Draw(growth=self.growth[at], weights=None)


@cache
def futures() -> dict[str, Any]:
    """Return many futures of two protocols, with all that a result may have."""
    grown = samples.paths(count=PATHS, hours=HOURS, seed=SEED, scale=WILD) / np.array(samples.PRICES)
    world = Drawn(growth=grown, title="Simulated futures", what="Past surprises, scaled by today's forecast.")
    request = asked(name="filtered", kind="filtered", world=world) | {"reserve": RESERVE, "heat": "WETH"}
    return told(request, world=world, books=2)


@cache
def replay() -> dict[str, Any]:
    """Return the replay of one crash: one path, no chances."""
    grown = np.ones((1, len(CRASH), len(samples.SYMBOLS)))
    grown[0, :, :3] *= np.array(CRASH)[:, None]
    world = Drawn(growth=grown, size=1, title="Black Thursday", what="ETH halved within a day.")
    request = asked(name="march-2020", kind="historical", world=world)
    request["scenario"] |= {"from": 1_583_971_200, "to": 1_584_057_600}
    return told(request, world=world, books=1)


def asked(*, name: str, kind: str, world: Drawn) -> dict[str, Any]:
    """Return a request of the shape that `forecasting.simulations.asking` makes."""
    return {
        "protocols": [{"market": "market", "block": HEAD}],
        "at": None,
        "scenario": {
            "name": name,
            "title": world.title,
            "what": world.what,
            "kind": kind,
            "hours": world.hours,
            "step_hours": 1.0,
            "seed": SEED,
            "from": None,
            "to": None,
            "as_of": HEAD_TIME,
            "columns": {symbol: symbol.removeprefix("W") for symbol in samples.SYMBOLS[:3]}
            | dict.fromkeys(samples.SYMBOLS[3:], "USD"),
        },
        "market": {"rules": asdict(CascadeRules()), "crew": {}, "oracle": None, "withdrawal": None},
        "paths": PATHS if world.size is None else 1,
        "precise": None,
        "chunks": 1,
        "reserve": None,
        "heat": "",
        "explain": "",
        "receipts": [],
        "limits": asdict(Limits()),
    }


def told(request: Mapping[str, Any], *, world: Drawn, books: int) -> dict[str, Any]:
    """Return what a simulation of the first so many sample books says."""
    lenders = tuple(_lender(name, accounts=60 - 20 * i, seed=SEED + i) for i, name in enumerate(("market", "beside")))
    made = samples.problem(accounts=60, count=1, seed=SEED)
    sources = ("the market's model",) * 3 + ("pegged: sales do not move it",) * 2
    posed = Posed(
        dataset=Dataset(hash=hash_of(request["scenario"]["name"])),
        lenders=lenders[:books],
        books=tuple(lender.book for lender in lenders[:books]),
        world=world,
        depths=Depths(usd=made.depth, curves={}, sources=sources),
        rules=CascadeRules(),
        crew=Liquidators(),
        oracle=None,
        withdrawal=None,
        notes=world.assumptions,
    )
    done: dict[str, Any] = {}
    units: tuple[tuple[Any, Callable[..., Any]], ...] = (
        (cutting.units, cutting.compute),
        (telling.units, telling.compute),
    )
    for names, compute in units:
        for unit in names(request, posed):
            done[unit] = compute(unit, request=request, posed=posed, done=done, tick=lambda: None)
    return result.report(request, posed, done)


def simulations() -> tuple[BacktestRun, BacktestRun]:
    """Store a run that works, one that failed, a replay and many futures; return the last two."""
    dataset = Dataset.objects.create(
        hash=hash_of("book and prices"),
        kind="simulated-book",
        first_timestamp=HEAD_TIME - 400 * DAY,
        last_timestamp=HEAD_TIME,
        rows=60,
        block_number=HEAD,
        facts={},
    )
    common: dict[str, Any] = {
        "kind": "simulation",
        "dataset": dataset,
        "code_version": hash_of("code")[2:],
        "lock_hash": hash_of("lock")[2:],
        "limit": 3_600,
    }
    waiting = {"scenario": {"name": "jump-10", "title": "A jump of ten deviations", "hours": 24}, "paths": 2_000}
    BacktestRun.objects.create(
        key=hash_of("works"), status="running", progress=35, message="700 of 2,000", request=waiting, **common
    )
    BacktestRun.objects.create(
        key=hash_of("failed"), status="failed", error="A price of GOV is missing.", request=waiting, **common
    )
    return _store("replay", replay(), common), _store("futures", futures(), common)


def _store(name: str, said: dict[str, Any], common: Mapping[str, Any]) -> BacktestRun:
    request = {"scenario": said["scenario"], "paths": said["paths"], "protocols": [{"market": "market"}]}
    return finished(said, key=hash_of(name), request=request, **common)


def _lender(name: str, *, accounts: int, seed: int) -> Lender:
    book = samples.book(accounts=accounts, seed=seed)
    return Lender(
        name=name,
        book=replace(book, accounts=tuple(account.replace("0x0", "0xa", 1) for account in book.accounts)),
        time=HEAD_TIME,
        block=HEAD,
        emode=np.zeros(accounts, dtype=np.bool_),
    )
