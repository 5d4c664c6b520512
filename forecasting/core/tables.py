"""The arrays that the compiled cascade engine works on, and the names of their columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.core.book import Floats

type Ints = npt.NDArray[np.int64]

# Columns of `Tally.parts`, by path and protocol. USD, at oracle prices where nothing else is said.
BAD_DEBT = 0  # owed beyond collateral at the horizon, at market prices: what lenders lose
LIQUIDATED = 1  # debt repaid by liquidators
SEIZED = 2  # collateral seized
PROFIT = 3  # liquidators' profit
SLIPPAGE = 4  # what liquidity providers gained on the market price before each trade
COSTS = 5  # liquidators' fixed costs
BACKLOG = 6  # debt of accounts below a health factor of 1 at the horizon
TOXIC = 7  # debt at the horizon that a liquidation would make worse
EVENTS = 8  # liquidations
BORROWERS = 9  # collateral taken from borrowers less debt repaid for them, at market prices
CASH = 10  # what liquidators took out of the depth, net
PARTS = 11

# `Tally.course`, by path; in `Tally.totals` these follow the columns above.
STREAK = 11  # longest run of steps with liquidations
CLEARING = 12  # longest run of steps that end with debt that can be liquidated at a gain before slippage
PEAK = 13  # the largest such debt at the end of a step, USD
COLUMNS = 14

# Columns of `Trace.rows`, one row a liquidation.
STEP = 0
ACCOUNT = 1  # row of `Accounts`
PROTOCOL = 2
COLLATERAL = 3  # asset
DEBT = 4  # asset
REPAID = 5  # USD, oracle price
TAKEN = 6  # collateral seized, USD, oracle price
BEFORE = 7  # market price of the collateral before the sale, with what this step sold already, USD
AFTER = 8  # and after it
GAIN = 9  # the liquidator's profit, USD
HEALTH_BEFORE = 10
HEALTH_AFTER = 11
WAITED = 12  # steps for which the account was already below 1
CAUSE = 13
WIDTH = 14

# `CAUSE`: why the account is below 1.
BY_PRICE = 0  # the path's own prices put it there
BY_SALES = 1  # only the impact of earlier liquidations does
BY_LAG = 2  # only the oracle does: at market prices it is healthy


class Accounts(NamedTuple):
    """A accounts that owe something, riskiest first, with E holdings one after the other.

    ``first`` (A + 1,) tells where an account's holdings begin; ``asset``, ``collateral``, ``debt`` (tokens) and
    ``threshold`` are (E,). ``protocol`` and ``margin`` are (A,); ``margin`` is ascending: the factor by which relative
    prices may fall before the account can be liquidated, or a liquidation would make it worse, is its reciprocal.
    """

    first: Ints
    asset: Ints
    collateral: Floats
    debt: Floats
    threshold: Floats
    protocol: Ints
    margin: Floats


class Pool(NamedTuple):
    """Depth of R assets.

    ``depth`` (R,) is constant-product depth (USD, may be ``inf``). Asset ``r`` has the knots ``first[r]`` to
    ``first[r + 1]`` of ``sold`` and ``proceeds`` (K,), USD, instead when there are any; its ``depth`` then counts for
    purchases alone. ``withdrawal`` (R,) is the share withdrawn by one unit of log price fall, ``recovery`` what is left
    of it one step later.
    """

    depth: Floats
    first: Ints
    sold: Floats
    proceeds: Floats
    withdrawal: Floats
    recovery: float
    permanent_share: float
    decay: float


class Feed(NamedTuple):
    """Oracles of R assets: steps between reports at most, relative move that is reported at once, steps of delay."""

    heartbeat: Floats
    deviation: Floats
    latency: Ints


class Crew(NamedTuple):
    """Liquidators: cost of a liquidation (USD), least profit by USD spent, USD a step, steps before they act."""

    fixed_cost: float
    profit_floor: float
    capital: float
    delay: int


class Market(NamedTuple):
    """What a path's liquidations meet: ``start`` prices (R,), ``bonus`` (M, R), and by protocol (M,) the close rule."""

    start: Floats
    bonus: Floats
    close_factor: Floats
    full_close_below: Floats
    pool: Pool
    feed: Feed
    crew: Crew


class Work(NamedTuple):
    """One thread's own state of the accounts; only those that a path looks at are written."""

    collateral: Floats  # (E,) tokens
    debt: Floats  # (E,)
    each: Floats  # (A,) the `reach` below which an account must be looked at
    highest: Floats  # of each block of accounts
    waited: Ints  # (A,) steps below 1
    gain: Floats  # (A,) what each pays before slippage
    bits: Ints  # (A,) the same memory
    found: Ints  # (A,) accounts to liquidate in this step, by row
    queue: Ints  # (A,) and by bins of gains
    edge: Ints  # where a bin begins


class Now(NamedTuple):
    """One step of a path over R assets and M protocols, USD."""

    bare: Floats  # (R,) prices without impact
    market: Floats  # (R,)
    oracle: Floats  # (R,)
    worth: Floats  # (R,) market price over oracle price
    sold: Floats  # (R,) sold so far, net
    share: Floats  # (R,) share of the depth that is there
    budget: Floats  # (1,) what liquidators can still spend
    asked: Floats  # (M, R, R) the most that an account asks for of a pair of collateral and debt
    vain: Floats  # (M, R, R) up to which ask of a pair nothing pays
    idle: Ints  # (1,) accounts of the queue, one after the other, that nothing was done for
    undone: Ints  # (1,) accounts that could be liquidated at a gain, and are not
    undone_debt: Floats  # (1,) and their debt
    step: Ints  # (1,)


class Tally(NamedTuple):
    """Results of P paths over R assets and M protocols."""

    parts: Floats  # (P, M, PARTS)
    course: Floats  # (P, 3)
    seized: Floats  # (P, R) tokens
    repaid: Floats  # (P, R) tokens
    lost: Floats  # (P, R) bad debt by the asset owed, USD
    price: Floats  # (P, R) market prices at the horizon, USD

    @property
    def totals(self) -> Floats:
        """Sums over protocols, then the course: (P, COLUMNS)."""
        return np.concatenate([self.parts.sum(axis=-2), self.course], axis=-1)


class Trace(NamedTuple):
    """Every liquidation of a path: ``rows`` (n, WIDTH), and in ``made`` (1,) how many there were (maybe above n)."""

    rows: Floats
    made: Ints


def blank(*, paths: int, assets: int, protocols: int) -> Tally:
    """Return an empty tally."""
    return Tally(
        parts=np.zeros((paths, protocols, PARTS)),
        course=np.zeros((paths, 3)),
        seized=np.zeros((paths, assets)),
        repaid=np.zeros((paths, assets)),
        lost=np.zeros((paths, assets)),
        price=np.zeros((paths, assets)),
    )
