"""Random histories of a market, computed by the contracts' published formulas, are rebuilt to the last digit.

What version 3.0 does is proven on its real contracts elsewhere; later ones are on no package registry, so here an
independent model of them writes the logs. Upgrades happen in the middle of a history, as they did.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.chain import abi
from governance.domain.position import health
from governance.protocols.aave.lore import Lore
from governance.protocols.aave_v3 import AaveV3
from tests.governance.protocols.model import (
    CONFIGURATOR,
    IMPLEMENTATIONS,
    ORACLE,
    POOL,
    PROVIDER,
    RAY,
    USERS,
    VERSIONS,
    YEAR,
    Model,
)

START = 1_700_000_000
numbers, users = st.integers(0, 2), st.sampled_from(USERS)
amounts = st.integers(1, 20) | st.integers(1, 10**12) | st.integers(1, 10**24)
rates = st.integers(0, RAY)


def plugin() -> AaveV3:
    addresses = {"pool": POOL, "configurator": CONFIGURATOR, "oracle": ORACLE, "addresses_provider": PROVIDER}
    return AaveV3(addresses | Lore(versions={behind: version for version, behind in IMPLEMENTATIONS.items()}).roles())


def act(model: Model, draw) -> None:
    """Do one thing that changes the market."""
    what = draw(
        st.sampled_from(
            ("supply", "withdraw", "borrow", "repay", "all", "send", "price", "configure", "mode", "choose", "upgrade")
        )
    )
    user, number, category = draw(users), draw(numbers), draw(st.integers(1, 2))
    if what == "price":
        model.publish(number, draw(st.integers(1, 10**13)))
    elif what == "configure":
        threshold = draw(st.sampled_from((0, 7_001, 8_333)))
        model.configure(number, ltv=draw(st.sampled_from((0, threshold))), threshold=threshold)
    elif what == "mode":
        change_mode(model, draw, category, number)
    elif what == "choose":
        model.choose(user, draw(st.sampled_from((0, *model.modes))))
    elif what == "upgrade":
        if later := VERSIONS[VERSIONS.index(model.version) + 1 :]:
            model.upgrade(draw(st.sampled_from(later)))
    else:
        move(model, draw, what, user, number)


def change_mode(model: Model, draw, category: int, number: int) -> None:
    model.define(category, ltv=draw(st.sampled_from((9_000, 9_301))), threshold=9_500)
    model.include(category, number, role=draw(st.sampled_from(("Collateral", "Ltvzero"))), on=draw(st.booleans()))
    model.isolate(category, on=draw(st.booleans()))


def move(model: Model, draw, what: str, user: str, number: int) -> None:
    reserve = model.accrue(number, supply_rate=draw(rates), debt_rate=draw(rates))
    supply, debt, amount = reserve.supply, reserve.variable, draw(amounts)
    if what == "supply":
        if model.change(supply, user, amount, reserve.supply_index) and draw(st.booleans()):
            model.switch(user, number, on=True)
    elif what == "withdraw":
        model.change(supply, user, -amount, reserve.supply_index)
    elif what == "borrow":
        model.change(debt, user, amount, reserve.debt_index)
    elif what == "repay":
        model.change(debt, user, -amount, reserve.debt_index)
    elif what == "all":
        if model.change(supply, user, -1, reserve.supply_index, whole=True):
            model.switch(user, number, on=False)
    else:
        model.transfer(supply, user, draw(users), amount, reserve.supply_index)


def compare(model: Model) -> None:
    protocol = plugin()
    ledger = protocol.ledger()
    for log in model.logs:
        for event in protocol.decode(log):
            ledger.apply(event, log.timestamp)
    assert ledger.version == model.version
    decimals = {reserve.asset: reserve.decimals for reserve in model.reserves}
    book = ledger.book(timestamp=model.now, decimals=decimals)
    for reserve in model.reserves:
        state = book.market.reserves[reserve.asset]
        assert (state.scaled_supply, state.scaled_debt) == (reserve.supply.total(), reserve.variable.total())
        supply_index, debt_index = model.grown(reserve)
        assert (state.income_index(model.now), state.debt_index(model.now)) == (supply_index, debt_index)
        assert state.total_supply(model.now) == model.worth(reserve.supply, reserve.supply.total(), supply_index)
        assert state.total_debt(model.now) == model.worth(reserve.variable, reserve.variable.total(), debt_index)
    for user, account in book.accounts.items():
        for asset, holding in account.holdings.items():
            reserve = next(each for each in model.reserves if each.asset == asset)
            assert holding.scaled_supply == reserve.supply.scaled.get(user, 0)
            assert holding.scaled_debt == reserve.variable.scaled.get(user, 0)
        found = health(account, book.market)
        assert model.account_data(user) == (
            found.collateral_base,
            found.debt_base,
            found.ltv,
            found.liquidation_threshold,
            found.health_factor,
        )


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_a_random_history_is_rebuilt_exactly(version, data):
    model = Model(version, now=START)
    for _ in range(data.draw(st.integers(1, 25))):
        model.now += data.draw(st.integers(0, 90) | st.integers(0, YEAR // 4))
        act(model, data.draw)
    model.now += data.draw(st.integers(0, YEAR))
    compare(model)


def test_the_roundings_differ_where_3_5_changed_them():
    index = 3 * RAY // 2 + 1
    supplied, owed = {}, {}
    for version in ("3.4", "3.5"):
        model = Model(version, now=START)
        reserve = model.reserves[0]
        reserve.supply_index = reserve.debt_index = index
        model.accrue(0, supply_rate=0, debt_rate=0)
        model.change(reserve.supply, USERS[0], 100, index)
        model.change(reserve.variable, USERS[0], 100, index)
        supplied[version], owed[version] = reserve.supply.scaled[USERS[0]], reserve.variable.scaled[USERS[0]]
        compare(model)
    assert (supplied, owed) == ({"3.4": 67, "3.5": 66}, {"3.4": 67, "3.5": 67})


def test_the_model_writes_logs_that_the_plugin_wants():
    model = Model("3.7", now=START)
    assert {log.topic0 for log in model.logs} <= AaveV3.book_topics
    assert abi.topic("PoolUpdated(address,address)") in AaveV3.config_topics
