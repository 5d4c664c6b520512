"""The cascade problem: one book on one set of paths, evaluated under many risk parameters (common random numbers)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from forecasting.core import kernel
from forecasting.core.book import Book, Floats, RiskParameters
from forecasting.core.losses import Estimate, LossSummary, mean, summarise
from forecasting.core.response import Response, respond


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
    """

    book: Book
    paths: Floats
    step_hours: float
    depth: Floats
    rules: CascadeRules
    threads: int = 2

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
        totals = self.run(book).totals
        bad_debt, liquidated = totals[:, kernel.BAD_DEBT], totals[:, kernel.LIQUIDATED]
        loss = totals[:, kernel.SEIZED] - liquidated
        return CascadeEstimate(
            bad_debt=summarise(bad_debt),
            liquidated=summarise(liquidated),
            borrower_loss=summarise(loss),
            bad_debt_paths=bad_debt,
            liquidated_paths=liquidated,
            borrower_loss_paths=loss,
            backlog=mean(totals[:, kernel.BACKLOG]),
            toxic=mean(totals[:, kernel.TOXIC]),
            events=mean(totals[:, kernel.EVENTS]),
            borrowed=float((book.debt @ book.price).sum()),
            borrow_capacity=book.borrow_capacity(),
            response=response,
        )

    def run(self, book: Book) -> kernel.Tally:
        """Return the kernel's tally for ``book`` on this problem's paths."""
        count, _, assets = self.paths.shape
        tally = kernel.Tally(
            totals=np.empty((count, kernel.COLUMNS)), seized=np.empty((count, assets)), repaid=np.empty((count, assets))
        )
        accounts = riskiest_first(book)
        market = self._market(book.parameters.liquidation_bonus)
        edges = np.linspace(0, count, self.threads + 1).astype(int)
        with ThreadPoolExecutor(self.threads) as pool:
            jobs = [
                pool.submit(kernel.run_paths, self.paths, int(a), int(b), accounts, market, tally)
                for a, b in pairwise(edges)
            ]
            for job in jobs:
                job.result()
        return tally

    def amplification(self, parameters: RiskParameters | None = None) -> float:
        """Return the value liquidated with price impact over that without, on the same paths (1: no cascade)."""
        calm = replace(self, depth=np.full_like(self.depth, np.inf))
        without = float(calm.evaluate(parameters).liquidated_paths.sum())
        return float(self.evaluate(parameters).liquidated_paths.sum()) / without if without else 1.0

    def _market(self, bonus: Floats) -> kernel.Market:
        return kernel.Market(
            bonus=bonus,
            depth=self.depth,
            close_factor=self.rules.close_factor,
            full_close_below=self.rules.full_close_below,
            fixed_cost=self.rules.fixed_cost,
            permanent_share=self.rules.permanent_share,
            decay=0.5 ** (self.step_hours / self.rules.half_life_hours),
        )


def riskiest_first(book: Book) -> kernel.Accounts:
    """Return the accounts that owe something in the order in which liquidators get to them: lowest health first."""
    order = np.argsort(book.health_factors(), kind="stable")
    rows = order[book.debt.any(axis=1)[order]]
    return kernel.Accounts(book.collateral[rows], book.debt[rows], book.thresholds()[rows])
