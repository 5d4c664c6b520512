"""A coherent sample of everything that the pages show: one market, one DAO, one turn of the loop.

Made of plain rows, without a node: prices follow a seeded walk with a crash, books and health factors are computed
from positions by the contract's formula, and proposals carry calldata that decodes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from forecasting.models import AccountState, BacktestRun, Derivation, ModelVersion, Reserve
from governance.models import Chain, Deployment, OnchainProposal
from proposals.models import Draft, Outcome, Recommendation
from tests.e2e.sample import backtests as make_backtests
from tests.e2e.sample import collection as make_collection
from tests.e2e.sample import contest as make_contest
from tests.e2e.sample import decisions as make_decisions
from tests.e2e.sample import imports as make_imports
from tests.e2e.sample import market as make_market
from tests.e2e.sample import models as make_models
from tests.e2e.sample import recommendation as make_recommendation
from tests.e2e.sample import simulations as make_simulations
from tests.e2e.sample import warnings as make_warnings
from tests.e2e.sample.base import DAY, HEAD, HEAD_TIME, RESERVES, account_of, hash_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What tests need to find their way."""

    market: Deployment
    governor: Deployment
    reserve: Reserve
    account: str
    recommendation: Recommendation
    draft: Draft
    executed: OnchainProposal
    active: OnchainProposal
    outcome: Outcome
    volatility: ModelVersion
    backtest: BacktestRun
    contender: ModelVersion
    futures: BacktestRun
    replay: BacktestRun


def fill() -> Sample:
    rng = random.Random(7)
    chain = Chain.objects.create(chain_id=31337, name="Local world", genesis_hash=hash_of("genesis"))
    market, governor = make_market.deployments(chain)
    make_collection.cover(chain, market, governor)
    make_collection.trouble(chain)
    reserves = [
        Reserve.objects.create(
            deployment=market,
            index=i,
            address=account_of(500 + i),
            symbol=symbol,
            decimals=decimals,
            a_token=account_of(510 + i),
            debt_token=account_of(520 + i),
            stable_debt_token=account_of(530 + i),
            feed=account_of(540 + i),
        )
        for i, (symbol, decimals, *_rest) in enumerate(RESERVES)
    ]
    paths = make_market.prices(reserves, rng)
    snapshot = make_market.snapshot(market, HEAD, HEAD_TIME)
    states = make_market.states(snapshot, reserves, paths)
    make_market.book(snapshot, reserves, states, rng)
    make_market.liquidations(market, reserves, paths, rng)
    earlier = make_market.snapshot(market, HEAD - 40 * 24, HEAD_TIME - 40 * DAY)
    make_market.states(earlier, reserves, paths)
    volatility, cascade = make_models.models(market, reserves, paths, rng)
    recommendation = make_recommendation.recommendation(reserves[0], earlier, volatility, cascade, rng)
    draft, executed = make_decisions.executed(recommendation, governor, rng)
    active = make_decisions.active(governor, rng)
    outcome = make_decisions.outcome(draft)
    Derivation.objects.create(deployment=market, block_number=HEAD, final_block=HEAD)
    backtest = make_backtests.backtest(rng)
    make_imports.imports(rng)
    contender = make_contest.contest(rng, backtest.dataset)
    replay, futures = make_simulations.simulations()
    make_warnings.warnings(rng)
    first = AccountState.objects.filter(snapshot=snapshot).order_by("health_factor")[3]
    return Sample(
        market=market,
        governor=governor,
        reserve=reserves[0],
        account=first.account,
        recommendation=recommendation,
        draft=draft,
        executed=executed,
        active=active,
        outcome=outcome,
        volatility=volatility,
        backtest=backtest,
        contender=contender,
        futures=futures,
        replay=replay,
    )
