"""The cascade problem: one book on one set of paths, evaluated under many risk parameters (common random numbers)."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from forecasting.core import kernel, tables, weighted
from forecasting.core.book import Book, Floats, RiskParameters
from forecasting.core.exchange import Curve, Withdrawal, tabulated
from forecasting.core.gathering import Gathered, gather
from forecasting.core.liquidators import Liquidators
from forecasting.core.losses import Estimate, LossSummary
from forecasting.core.oracle import Oracle
from forecasting.core.response import Response, respond
from governance.errors import InputError

PIECES = 4  # of the paths for each thread, so that one with wild paths does not keep the others waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeRules:
    """How liquidations work and what they do to prices.

    Attributes
    ----------
    close_factor : float
        Share of a debt that one liquidation may repay.
    full_close_below : float
        Health factor below which all of it may be repaid.
    fixed_cost : float
        What one liquidation costs the liquidator, USD.
    permanent_share : float
        Share of a price move by liquidations that stays.
    half_life_hours : float
        Half-life of the rest.
    """

    close_factor: float = 0.5
    full_close_below: float = 0.95
    fixed_cost: float = 20.0
    permanent_share: float = 0.4
    half_life_hours: float = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeEstimate:
    """The loss distribution of a book at the horizon under one set of parameters.

    Attributes
    ----------
    bad_debt, liquidated, borrower_loss : LossSummary
        USD: owed beyond collateral at the horizon; debt repaid by liquidators; what borrowers paid above their debt.
    bad_debt_paths, liquidated_paths, borrower_loss_paths : (P,) floats
        The same by path; paths are the same for every estimate of one problem, so differences can be taken by path.
    backlog, toxic, events : Estimate
        Mean debt still below a health factor of 1 at the horizon, mean debt that a liquidation would make worse (USD),
        and mean number of liquidations.
    borrowed, borrow_capacity : float
        What is owed and what could be borrowed against the collateral at the start, after the response, USD.
    response : str
        How borrowers responded to the change.
    """

    bad_debt: LossSummary
    liquidated: LossSummary
    borrower_loss: LossSummary
    bad_debt_paths: Floats
    liquidated_paths: Floats
    borrower_loss_paths: Floats
    backlog: Estimate
    toxic: Estimate
    events: Estimate
    borrowed: float
    borrow_capacity: float
    response: Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Another protocol that sells into the same depth.

    Attributes
    ----------
    name : str
    book : Book
        Over the same assets, in the same order, as the problem's.
    close_factor, full_close_below : float
        See `CascadeRules`.
    """

    name: str
    book: Book
    close_factor: float = 0.5
    full_close_below: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeProblem:
    """A book, joint price paths and a market.

    Attributes
    ----------
    book : Book
    paths : (P, T, R) floats
        Prices in USD without the impact of liquidations.
    step_hours : float
        Time between two prices of a path.
    depth : (R,) floats
        Constant-product depth, USD; ``inf`` for an asset that is not moved.
    rules : CascadeRules
    threads : int
        Threads that share the paths; the result does not depend on it.
    curves : mapping of int to Curve
        Tabulated depth of some assets, by column; it takes the place of ``depth`` where they are sold.
    withdrawal : Withdrawal, optional
        Depth that leaves under stress; none by default.
    oracle : Oracle, optional
        By default the market's price at every step.
    liquidators : Liquidators
        By default unlimited, at once.
    beside : tuple of Protocol
        Others that use the same depth. `evaluate` and `amplification` are about ``book``; `run` tallies all, ``book``
        as protocol 0.
    weights : (P,) floats, optional
        Importance weights of the paths, 1 on average for probabilities that are not estimated; by default all equal.
    """

    book: Book
    paths: Floats
    step_hours: float
    depth: Floats
    rules: CascadeRules
    threads: int = 2
    curves: Mapping[int, Curve] = field(default_factory=dict)
    withdrawal: Withdrawal | None = None
    oracle: Oracle | None = None
    liquidators: Liquidators = field(default_factory=Liquidators)
    beside: tuple[Protocol, ...] = ()
    weights: Floats | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated, naming it."""
        _check_shapes(self)
        _check_market(self)
        for book in (self.book, *(other.book for other in self.beside)):
            _check_book(book)

    def evaluate(self, parameters: RiskParameters | None = None, *, response: Response = "amounts") -> CascadeEstimate:
        """Return the loss distribution under ``parameters`` (default: the book's own).

        Parameters
        ----------
        parameters : RiskParameters, optional
            From ``book.parameters.changed(reserve=..., changes=...)``.
        response : {"amounts", "relever"}
            What borrowers do about the change; see `forecasting.core.response`.
        """
        chosen = parameters or self.book.parameters
        book = respond(self.book, parameters=chosen, response=response)
        parts = self.run(book).parts[:, 0]
        bad_debt, liquidated = parts[:, tables.BAD_DEBT], parts[:, tables.LIQUIDATED]
        loss = parts[:, tables.BORROWERS]
        return CascadeEstimate(
            bad_debt=weighted.summarise(bad_debt, self.weights),
            liquidated=weighted.summarise(liquidated, self.weights),
            borrower_loss=weighted.summarise(loss, self.weights),
            bad_debt_paths=bad_debt,
            liquidated_paths=liquidated,
            borrower_loss_paths=loss,
            backlog=weighted.mean(parts[:, tables.BACKLOG], self.weights),
            toxic=weighted.mean(parts[:, tables.TOXIC], self.weights),
            events=weighted.mean(parts[:, tables.EVENTS], self.weights),
            borrowed=float((book.debt @ book.price).sum()),
            borrow_capacity=book.borrow_capacity(),
            response=response,
        )

    def run(self, book: Book | None = None) -> tables.Tally:
        """Return the kernel's tally on this problem's paths, with ``book`` (default: the problem's) as protocol 0."""
        gathered = self.gathered(book)
        market = self.market(book)
        count, _, assets = self.paths.shape
        tally = tables.blank(paths=count, assets=assets, protocols=1 + len(self.beside))
        edges = np.linspace(0, count, min(self.threads * PIECES, count) + 1).astype(int)
        with ThreadPoolExecutor(self.threads) as pool:
            jobs = [
                pool.submit(kernel.run_paths, self.paths, int(a), int(b), gathered.accounts, market, tally)
                for a, b in pairwise(edges)
            ]
            for job in jobs:
                job.result()
        return tally

    def calm(self) -> CascadeProblem:
        """Return the same problem with a depth that liquidations do not move."""
        return replace(self, depth=np.full_like(self.depth, np.inf), curves={}, withdrawal=None)

    def amplification(self, parameters: RiskParameters | None = None) -> float:
        """Return the value liquidated with price impact over that without, on the same paths (1: no cascade)."""
        weights = 1.0 if self.weights is None else self.weights
        without = float((weights * self.calm().evaluate(parameters).liquidated_paths).sum())
        return float((weights * self.evaluate(parameters).liquidated_paths).sum()) / without if without else 1.0

    def gathered(self, book: Book | None = None) -> Gathered:
        """Return the accounts of all protocols in the kernel's order."""
        return gather([book or self.book, *(other.book for other in self.beside)], start=self.book.price)

    def market(self, book: Book | None = None) -> tables.Market:
        """Return what the kernel's paths meet."""
        assets = self.depth.size
        books = [book or self.book, *(other.book for other in self.beside)]
        closing: list[CascadeRules | Protocol] = [self.rules, *self.beside]
        withdrawal = self.withdrawal or Withdrawal(share=np.zeros(assets), half_life_hours=1.0)
        first, sold, proceeds = tabulated(self.curves, assets=assets)
        crew = self.liquidators
        return tables.Market(
            start=np.asarray(self.book.price, dtype=np.float64),
            bonus=np.stack([one.parameters.liquidation_bonus for one in books]),
            close_factor=np.array([one.close_factor for one in closing]),
            full_close_below=np.array([one.full_close_below for one in closing]),
            pool=tables.Pool(
                depth=np.asarray(self.depth, dtype=np.float64),
                first=first,
                sold=sold,
                proceeds=proceeds,
                withdrawal=np.asarray(withdrawal.share, dtype=np.float64),
                recovery=0.5 ** (self.step_hours / withdrawal.half_life_hours),
                permanent_share=self.rules.permanent_share,
                decay=0.5 ** (self.step_hours / self.rules.half_life_hours),
            ),
            feed=(self.oracle or Oracle.instant(assets)).feed(step_hours=self.step_hours),
            crew=tables.Crew(
                fixed_cost=float(self.rules.fixed_cost),
                profit_floor=float(crew.profit_floor),
                capital=float(crew.capital * self.step_hours),
                delay=int(np.ceil(crew.delay_hours / self.step_hours)),
            ),
        )


def _check_shapes(problem: CascadeProblem) -> None:
    assets, shape = len(problem.book.symbols), problem.paths.shape
    if len(shape) != 3 or shape[2] != assets or not shape[0] or not shape[1]:
        raise InputError(
            f"The price paths have the shape {shape}; paths x steps x {assets} assets is needed.", field="paths"
        )
    for other in problem.beside:
        if other.book.symbols != problem.book.symbols:
            raise InputError(
                f"{other.name} is over {', '.join(other.book.symbols)}; the book is over "
                f"{', '.join(problem.book.symbols)}.",
                field="beside",
                value=other.name,
            )
    if problem.weights is not None and (problem.weights.shape != shape[:1] or not (problem.weights >= 0).all()):
        raise InputError(f"{shape[0]} weights of at least 0 are needed, one for each path.", field="weights")


def _check_market(problem: CascadeProblem) -> None:
    low, high = problem.paths.min(axis=(0, 1)), problem.paths.max(axis=(0, 1))
    for r, symbol in enumerate(problem.book.symbols):
        if not 0 < low[r] <= high[r] < np.inf:
            raise InputError(f"A path of {symbol} has a price that is missing or not positive.", field=symbol)
        if not problem.depth[r] > 0:
            raise InputError(
                f"The depth of {symbol} is {problem.depth[r]}; it must be positive USD, or inf where nothing moves it.",
                field=symbol,
                value=float(problem.depth[r]),
            )


def _check_book(book: Book) -> None:
    for name in ("collateral", "debt"):
        values = getattr(book, name)
        if not values.size or values.min() >= 0:
            continue
        row, r = np.argwhere(~(values >= 0))[0]
        raise InputError(
            f"{book.accounts[row]} has a {name} of {values[row, r]} {book.symbols[r]}; it must be at least 0.",
            field=book.accounts[row],
            value=float(values[row, r]),
        )
