"""Single paths of a problem, one after the other, on accounts that are laid out once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from forecasting.core import kernel, tables
from forecasting.core.book import Floats
from forecasting.core.cascade import CascadeProblem
from forecasting.core.gathering import Gathered


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Where one path ends.

    Attributes
    ----------
    tally : Tally
        Of the one path: each array without its first axis.
    lost : (M, R) floats
        Bad debt by protocol and by the asset owed, USD at market prices.
    """

    tally: tables.Tally
    lost: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The accounts and the market of a problem, ready for any number of paths."""

    gathered: Gathered
    market: tables.Market

    @classmethod
    def of(cls, problem: CascadeProblem) -> Self:
        """Return the stage of ``problem``."""
        return cls(gathered=problem.gathered(), market=problem.market())

    def run(self, prices: Floats) -> Ending:
        """Return where the path of (T, R) prices without impact ends."""
        accounts = self.gathered.accounts
        protocols, assets = self.market.bonus.shape
        tally = tables.Tally(*(part[0] for part in tables.blank(paths=1, assets=assets, protocols=protocols)))
        nothing = tables.Trace(np.empty((0, tables.WIDTH)), np.zeros(1, np.int64))
        work, blame = kernel.workspace(accounts), np.zeros(accounts.margin.size)
        kernel.run_path(prices, accounts, work, self.market, tally, nothing, blame)
        return Ending(tally=tally, lost=self._lost(work, tally, blame))

    def _lost(self, work: tables.Work, tally: tables.Tally, blame: Floats) -> Floats:
        """Split the bad debt of each account over what it owes at the end, in proportion."""
        accounts, protocols = self.gathered.accounts, self.market.bonus.shape[0]
        bad = np.flatnonzero(blame)  # the only accounts of which `work` is known to be written
        counts = np.diff(accounts.first)[bad]
        owner = np.repeat(np.arange(bad.size), counts)
        held = np.repeat(accounts.first[bad] - np.cumsum(counts) + counts, counts) + np.arange(owner.size)
        asset = accounts.asset[held]
        due = work.debt[held] * tally.price[asset]
        part = due * (blame[bad] / np.bincount(owner, weights=due, minlength=bad.size))[owner]
        place = accounts.protocol[bad][owner] * tally.price.size + asset
        lost = np.bincount(place, weights=part, minlength=protocols * tally.price.size)
        return lost.reshape(protocols, tally.price.size)
