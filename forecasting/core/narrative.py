"""The story of one path, round by round: what was liquidated, at which prices, why it came, and what came after it.

A round is a step with liquidations. Its prices and its bad debt are found by running the path again up to that step,
so they are those of the engine itself and not of a second model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from forecasting.core import tables
from forecasting.core.book import Floats
from forecasting.core.cascade import CascadeProblem
from forecasting.core.explaining import CAUSES, Event, trace
from forecasting.core.staging import Stage
from governance.errors import InputError
from governance.formatting import change, percent, usd

DUST = 1e-9  # of a price; less is rounding
MOSTLY = 0.5  # share of what is repaid from which waiting, and not its first cause, is the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One step with liquidations.

    Attributes
    ----------
    step : int
        From 0.
    hour : float
        End of the step, hours from the start: when its prices hold.
    round : int
        The how-manieth successive step with liquidations this is, from 1.
    liquidations, accounts : int
        How many, and of how many accounts.
    repaid, seized : float
        USD at oracle prices.
    prices : mapping of str to (float, float)
        Market price of each asset that was sold: when the step begins, and at the margin after its last sale, USD.
    impact : mapping of str to float
        Market price over the path's own, less 1, when the step begins, where earlier liquidations moved it: negative
        for what they sold, positive for what they bought.
    causes : mapping of str to float
        Shares of ``repaid`` by `Event.cause`; they sum to 1.
    waited : float
        Share of ``repaid`` of accounts that could have been liquidated in an earlier step and were not.
    largest : Event
        The liquidation that repaid most.
    bad_debt, backlog : float
        After the step, USD: owed beyond collateral, and owed by accounts below a health factor of 1, at the prices
        with which the step began.
    why : str
        Why the round came: what put the debt that it repaid below a health factor of 1.
    then : str
        What it left, and when the next round came.
    """

    step: int
    hour: float
    round: int
    liquidations: int
    accounts: int
    repaid: float
    seized: float
    prices: Mapping[str, tuple[float, float]]
    impact: Mapping[str, float]
    causes: Mapping[str, float]
    waited: float
    largest: Event
    bad_debt: float
    backlog: float
    why: str
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrative:
    """What happened on one path.

    Attributes
    ----------
    path : int
    why : str
        The path in a few sentences.
    rounds : tuple of Round
    events : tuple of Event
        Every liquidation, in order.
    bad_debt : float
        At the horizon, USD.
    """

    path: int
    why: str
    rounds: tuple[Round, ...]
    events: tuple[Event, ...]
    bad_debt: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """A step before it is told: its events, and the path up to it."""

    step: int
    events: tuple[Event, ...]
    bare: Floats  # (R,) the path's own prices, USD
    market: Floats  # (R,) with the impact of earlier sales
    bad_debt: float
    backlog: float
    delay: int  # steps that liquidators need in any case
    rows: Mapping[tuple[int, str], int]  # where an account of a protocol is in its book

    @property
    def repaid(self) -> float:
        """USD."""
        return sum(event.repaid for event in self.events)

    def share(self, chosen: Sequence[bool]) -> float:
        """Return the share of ``repaid`` of the events that are chosen."""
        return sum(event.repaid for event, it in zip(self.events, chosen, strict=True) if it) / self.repaid

    @property
    def causes(self) -> dict[str, float]:
        """Shares of ``repaid`` by cause."""
        return {cause: self.share([event.cause == cause for event in self.events]) for cause in CAUSES}

    @property
    def waited(self) -> float:
        """Share of ``repaid`` that had waited for longer than liquidators need."""
        return self.share([event.waited > self.delay for event in self.events])


def rounds(problem: CascadeProblem, path: int) -> Narrative:
    """Return the story of one path.

    Parameters
    ----------
    problem : CascadeProblem
    path : int
        Which of its paths, from 0.

    Raises
    ------
    InputError
        When there is no such path.
    """
    count = problem.paths.shape[0]
    if not 0 <= path < count:
        raise InputError(f"There is no path {path}; there are {count}, from 0.", field="path", value=path)
    events, stage = trace(problem, path), Stage.of(problem)
    rows = _rows(problem, events)
    scenes = [
        _scene(problem, stage, path, tuple(group), rows) for _, group in groupby(events, key=lambda one: one.step)
    ]
    told = tuple(_told(problem, scenes, at) for at in range(len(scenes)))
    bad_debt = float(stage.run(problem.paths[path]).tally.parts[:, tables.BAD_DEBT].sum())
    return Narrative(path=path, why=_whole(told, bad_debt), rounds=told, events=events, bad_debt=bad_debt)


def _rows(problem: CascadeProblem, events: Sequence[Event]) -> dict[tuple[int, str], int]:
    wanted = {(event.protocol, event.account) for event in events}
    books = (problem.book, *(other.book for other in problem.beside))
    return {
        (m, account): row
        for m, book in enumerate(books)
        for row, account in enumerate(book.accounts)
        if (m, account) in wanted
    }


def _scene(
    problem: CascadeProblem, stage: Stage, path: int, events: tuple[Event, ...], rows: Mapping[tuple[int, str], int]
) -> _Scene:
    step = events[0].step
    tally = stage.run(problem.paths[path, : step + 1]).tally
    return _Scene(
        step=step,
        events=events,
        bare=problem.paths[path, step],
        market=tally.price,
        bad_debt=float(tally.parts[:, tables.BAD_DEBT].sum()),
        backlog=float(tally.parts[:, tables.BACKLOG].sum()),
        delay=stage.market.crew.delay,
        rows=rows,
    )


def _told(problem: CascadeProblem, scenes: Sequence[_Scene], at: int) -> Round:
    scene, symbols = scenes[at], problem.book.symbols
    events, since = scene.events, scenes[at - 1].bare if at else np.asarray(problem.book.price)
    following = scenes[at + 1].step if at + 1 < len(scenes) else None
    after = {event.collateral: event.price_after for event in events}
    columns = [r for r, symbol in enumerate(symbols) if symbol in after]
    moved = scene.market / scene.bare - 1.0
    return Round(
        step=scene.step,
        hour=_hour(problem, scene.step),
        round=events[0].round,
        liquidations=len(events),
        accounts=len({(event.protocol, event.account) for event in events}),
        repaid=scene.repaid,
        seized=sum(event.seized for event in events),
        prices={symbols[r]: (float(scene.market[r]), after[symbols[r]]) for r in columns},
        impact={symbols[r]: float(moved[r]) for r in np.flatnonzero(np.abs(moved) > DUST)},
        causes=scene.causes,
        waited=scene.waited,
        largest=max(events, key=lambda event: event.repaid),
        bad_debt=scene.bad_debt,
        backlog=scene.backlog,
        why=_why(problem, scene, since=since),
        then=_then(problem, scene, following),
    )


def _hour(problem: CascadeProblem, step: int) -> float:
    return (step + 1) * problem.step_hours


def _why(problem: CascadeProblem, scene: _Scene, *, since: Floats) -> str:
    """Say what put the debt of a step below 1; ``since`` are the path's own prices to compare with."""
    causes = scene.causes
    cause = max(CAUSES, key=lambda one: causes[one])
    below = f"Of the debt repaid, {percent(causes[cause], digits=0)} was below a health factor of 1"
    if scene.waited >= MOSTLY:
        share = percent(scene.waited, digits=0)
        return f"Of the debt repaid, {share} had waited: depth, capital or profit had not sufficed before."
    if cause == "price":
        symbol, move = _mover(problem, scene, cause, scene.bare / since)
        return f"{below} at the path's own prices ({symbol} {change(move)})."
    if cause == "sales":
        symbol, move = _mover(problem, scene, cause, scene.market / scene.bare)
        held = "sales held {} {} below" if move < 0 else "purchases held {} {} above"
        return f"{below} only because earlier {held.format(symbol, percent(abs(move)))} its path."
    return f"{below} only at the oracle's late prices."


def _then(problem: CascadeProblem, scene: _Scene, following: int | None) -> str:
    """Say what a step leaves, and when the next round came: in the step ``following``, if any."""
    left = "No account was left below a health factor of 1."
    if scene.backlog > 0:
        left = f"{usd(scene.backlog)} of debt stayed below a health factor of 1."
    if following is not None:
        return f"{left} The next round came in hour {_hour(problem, following):g}."
    return f"{left} {'The path ends here.' if scene.step == problem.paths.shape[1] - 1 else 'No round followed.'}"


def _mover(problem: CascadeProblem, scene: _Scene, cause: str, ratio: Floats) -> tuple[str, float]:
    """Return the asset whose move by ``ratio`` (R,) did most harm to the accounts of a cause, as held at the start."""
    move = np.log(ratio)
    harm = np.zeros(move.size)
    for m, book in enumerate((problem.book, *(other.book for other in problem.beside))):
        wanted = {event.account for event in scene.events if event.cause == cause and event.protocol == m}
        rows = sorted(scene.rows[m, account] for account in wanted)
        chosen = replace(book, collateral=book.collateral[rows], own_threshold=book.own_threshold[rows])
        backed = (chosen.collateral * chosen.thresholds()).sum(axis=0)
        harm += (book.debt[rows].sum(axis=0) - backed) * problem.book.price * move
    at = int(harm.argmax())
    return problem.book.symbols[at], float(ratio[at]) - 1.0


def _whole(told: Sequence[Round], bad_debt: float) -> str:
    if not told:
        return f"Nothing was liquidated on this path. Bad debt at the horizon: {usd(bad_debt)}."
    repaid = sum(one.repaid for one in told)
    made = {cause: sum(one.causes[cause] * one.repaid for one in told) / repaid for cause in CAUSES}
    parts = {"price": "the path's own prices", "sales": "earlier liquidations", "lag": "late oracles"}
    shares = ", ".join(f"{percent(made[cause], digits=0)} {parts[cause]}" for cause in CAUSES if made[cause] > 0)
    return (
        f"{sum(one.liquidations for one in told):,} liquidations in {len(told):,} rounds, at most "
        f"{max(one.round for one in told):,} in succession, from hour {told[0].hour:g} to {told[-1].hour:g} repaid "
        f"{usd(repaid)}. What put that debt below a health factor of 1: {shares}. "
        f"Bad debt at the horizon: {usd(bad_debt)}."
    )
