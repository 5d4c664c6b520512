"""Every number of every account equals the real contract's, after everything that one can do on the market."""

from __future__ import annotations

import pytest

from forecasting.collect import collect, reconcile, snapshot
from forecasting.models import AccountState, Position, ReserveState
from governance.chain import abi
from governance.domain.action import Call
from governance.errors import StaleData
from governance.lab import genesis
from governance.lab.actors import address
from tests.market import MAX, STABLE, VARIABLE, Market, watch

pytestmark = pytest.mark.django_db

DAY = 24 * 3600
ANN, BEN, CAY = (address(1, name) for name in ("ann", "ben", "cay"))


@pytest.fixture
def market(world, chain_client):
    return Market(world=world, client=chain_client)


@pytest.fixture
def agrees(world, chain_client, db):
    """Return a check that the collected book equals the contract's now."""
    deployment = watch(world, chain_client)

    def check():
        collect(deployment, client=chain_client)
        taken = snapshot(deployment)
        report = reconcile(taken, client=chain_client)
        assert report.findings == ()
        assert report.accounts_compared == taken.accounts.count() > len(world.actors) // 2
        assert taken.block_number == chain_client.head().number
        return taken

    return check


def state_of(taken, account) -> AccountState:
    return taken.accounts.get(account=account)


def test_the_simulated_history(world, agrees):
    taken = agrees()
    assert taken.accounts.filter(debt_base__gt=0).count() > 10
    assert Position.objects.filter(snapshot=taken, debt__gt=0).count() > 10


def test_interest_of_a_quiet_year(market, agrees):
    market.wait(365 * DAY + 1)
    agrees()


def test_totals_equal_the_tokens_own(world, chain_client, market, agrees):
    market.wait(7 * DAY)
    taken = agrees()
    for state in ReserveState.objects.filter(snapshot=taken).select_related("reserve"):
        supply, debt = chain_client.eth_calls(
            [
                Call(target=state.reserve.a_token, data=abi.encode("totalSupply()")),
                Call(target=state.reserve.debt_token, data=abi.encode("totalSupply()")),
            ]
        )
        assert int(state.total_supply) == int.from_bytes(supply)
        assert int(state.total_debt) == int.from_bytes(debt)


def test_supply_borrow_repay_and_withdraw(market, agrees):
    market.supply(ANN, "WETH", 10.123456789)
    market.borrow(ANN, "USDC", 3_333.333333)
    market.wait(DAY)
    agrees()
    market.pool(ANN, "repay(address,uint256,uint256,address)", market.token("USDC"), 1_111_111_111, VARIABLE, ANN)
    market.pool(ANN, "withdraw(address,uint256,address)", market.token("WETH"), 123_456_789_123_456_789, ANN)
    market.wait(12_345)
    assert int(state_of(agrees(), ANN).debt_base) > 0


def test_leaving_altogether(market, agrees):
    market.supply(ANN, "WBTC", 1)
    market.supply(ANN, "USDC", 5_000)
    market.borrow(ANN, "USDC", 4_000)
    market.wait(DAY)
    market.pool(ANN, "repay(address,uint256,uint256,address)", market.token("USDC"), MAX, VARIABLE, ANN)
    market.pool(ANN, "withdraw(address,uint256,address)", market.token("WBTC"), MAX, ANN)
    market.pool(ANN, "withdraw(address,uint256,address)", market.token("USDC"), MAX, ANN)
    taken = agrees()
    assert not Position.objects.filter(snapshot=taken, account=ANN).exists()
    assert int(state_of(taken, ANN).health_factor) == MAX


def test_receipt_tokens_change_hands(market, agrees):
    market.supply(ANN, "WETH", 5)
    market.wait(DAY)
    receipt = market.receipt_token("WETH")
    market.act(ANN, receipt, "transfer(address,uint256)", BEN, 10**18 + 7)
    market.wait(DAY)
    market.act(ANN, receipt, "approve(address,uint256)", CAY, MAX)
    market.act(CAY, receipt, "transferFrom(address,address,uint256)", ANN, CAY, 3)
    market.act(BEN, receipt, "transfer(address,uint256)", BEN, 5)
    taken = agrees()
    assert state_of(taken, BEN).collateral_base > 0


def test_supply_that_is_not_collateral(market, agrees):
    market.supply(ANN, "WETH", 5)
    market.supply(ANN, "DAI", 1_000)
    signature = "setUserUseReserveAsCollateral(address,bool)"
    market.pool(ANN, signature, market.token("WETH"), False)
    before = int(state_of(agrees(), ANN).collateral_base)
    market.pool(ANN, signature, market.token("WETH"), True)
    assert int(state_of(agrees(), ANN).collateral_base) > before


def test_repaying_with_receipt_tokens_and_paying_the_treasury(market, agrees):
    market.supply(ANN, "DAI", 10_000)
    market.borrow(ANN, "DAI", 5_000)
    market.wait(30 * DAY)
    market.pool(ANN, "repayWithATokens(address,uint256,uint256)", market.token("DAI"), 10**21, VARIABLE)
    market.pool(BEN, "mintToTreasury(address[])", list(market.world.reserves.values()))
    market.wait(DAY)
    agrees()


def test_stable_rate_debt(market, agrees):
    for symbol in ("USDC", "DAI"):
        market.configure("setReserveStableRateBorrowing(address,bool)", market.token(symbol), True)
    market.supply(ANN, "WETH", 50)
    market.supply(BEN, "USDC", 100_000)
    market.borrow(ANN, "USDC", 2_000.5, STABLE)
    market.wait(10 * DAY)
    agrees()
    market.borrow(ANN, "USDC", 100.25, STABLE)
    market.borrow(ANN, "DAI", 700, VARIABLE)
    market.wait(10 * DAY)
    market.pool(ANN, "swapBorrowRateMode(address,uint256)", market.token("DAI"), VARIABLE)
    market.pool(ANN, "repay(address,uint256,uint256,address)", market.token("USDC"), 999_999_999, STABLE, ANN)
    market.wait(11)
    agrees()
    market.pool(ANN, "repay(address,uint256,uint256,address)", market.token("USDC"), MAX, STABLE, ANN)
    market.wait(DAY)
    agrees()


@pytest.mark.parametrize("priced", [False, True])
def test_efficiency_mode(market, agrees, priced):
    source = market.token("DAI") if priced else "0x" + "00" * 20
    market.configure(
        "setEModeCategory(uint8,uint16,uint16,uint16,address,string)", 1, 9_300, 9_500, 10_100, source, "dollars"
    )
    for symbol in ("USDC", "DAI"):
        market.configure("setAssetEModeCategory(address,uint8)", market.token(symbol), 1)
    market.supply(ANN, "DAI", 10_000)
    market.supply(ANN, "WETH", 1)
    market.pool(ANN, "setUserEMode(uint8)", 1)
    market.borrow(ANN, "USDC", 9_000)
    market.set_price("DAI", 99_000_001)
    market.wait(DAY)
    taken = agrees()
    assert state_of(taken, ANN).emode_category == 1
    assert state_of(taken, ANN).liquidation_threshold > 8_500
    market.pool(ANN, "repay(address,uint256,uint256,address)", market.token("USDC"), MAX, VARIABLE, ANN)
    market.pool(ANN, "setUserEMode(uint8)", 0)
    agrees()


@pytest.mark.parametrize("receive_receipt_token", [False, True])
def test_liquidation(market, agrees, receive_receipt_token):
    market.supply(ANN, "WETH", 10)
    market.supply(ANN, "WBTC", 0.01)
    market.borrow(ANN, "USDC", market.prices["WETH"] * 7.5 / 1e8)
    market.set_price("WETH", market.prices["WETH"] * 9 // 10)
    signature = "liquidationCall(address,address,address,uint256,bool)"
    bot = genesis.liquidator(market.world.spec)
    market.pool(bot, signature, market.token("WETH"), market.token("USDC"), ANN, MAX, receive_receipt_token)
    market.wait(777)
    agrees()


def test_bad_debt(market, agrees):
    market.supply(ANN, "WETH", 10)
    market.borrow(ANN, "USDC", market.prices["WETH"] * 7.5 / 1e8)
    market.set_price("WETH", market.prices["WETH"] // 2)
    signature = "liquidationCall(address,address,address,uint256,bool)"
    bot = genesis.liquidator(market.world.spec)
    market.pool(bot, signature, market.token("WETH"), market.token("USDC"), ANN, MAX, False)
    taken = agrees()
    assert int(state_of(taken, ANN).collateral_base) == 0
    assert int(state_of(taken, ANN).debt_base) > 0
    assert int(state_of(taken, ANN).health_factor) == 0


def test_parameters_change(market, agrees):
    signature = "configureReserveAsCollateral(address,uint256,uint256,uint256)"
    market.configure(signature, market.token("WETH"), 0, 8_111, 10_600)
    market.wait(1)
    agrees()


def test_reconcile_refuses_a_block_that_the_node_has_replaced(market, chain_client, agrees):
    for _ in range(3):
        market.wait(12)
    market.supply(ANN, "WETH", 1)
    taken = agrees()
    chain_client.call("anvil_reorg", [1, []])
    with pytest.raises(StaleData, match="collect and snapshot again"):
        reconcile(taken, client=chain_client)
