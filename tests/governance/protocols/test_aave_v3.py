"""Aave's own refusals, before a proposal carries them on chain; the contract's side is in tests/forecasting."""

from __future__ import annotations

import pytest

from governance.chain import abi
from governance.errors import InputError
from governance.protocols.aave_v3 import AaveV3

ASSET = "0x52908400098527886E0F7030069857D2E4169EE7"
CONFIGURATOR = "0x8617E340B3D01FA5F11F306F4090FD50E238070D"
NOW = {"ltv": 7_500, "liquidation_threshold": 8_000, "liquidation_bonus": 10_500, "supply_cap": 9, "borrow_cap": 5}


def encode(**changes):
    protocol = AaveV3({"configurator": CONFIGURATOR, "data_provider": CONFIGURATOR, "pool": CONFIGURATOR})
    return protocol.encode(reserve=ASSET, before=NOW, after=NOW | changes)


def test_collateral_parameters_go_in_one_call():
    (call,) = encode(ltv=7_000, liquidation_bonus=10_600)
    assert call.target == CONFIGURATOR
    signature = "configureReserveAsCollateral(address,uint256,uint256,uint256)"
    assert abi.decode_call(signature, call.data) == (ASSET, 7_000, 8_000, 10_600)


def test_each_cap_is_a_call_of_its_own():
    supply, borrow = encode(supply_cap=10, borrow_cap=0)
    assert abi.decode_call("setSupplyCap(address,uint256)", supply.data) == (ASSET, 10)
    assert abi.decode_call("setBorrowCap(address,uint256)", borrow.data) == (ASSET, 0)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ltv": 8_001}, "ltv"),
        ({"liquidation_bonus": 10_000}, "liquidation_bonus"),
        ({"liquidation_threshold": 9_600, "liquidation_bonus": 10_500}, "liquidation_bonus"),  # 100.8 %
        ({"ltv": 0, "liquidation_threshold": 0}, "liquidation_bonus"),
        ({"supply_cap": 2**36}, "supply_cap"),
    ],
)
def test_what_the_contract_would_refuse_is_refused(changes, field):
    with pytest.raises(InputError) as caught:
        encode(**changes)
    assert caught.value.facts["field"] == field


def test_switching_collateral_off_is_allowed():
    (call,) = encode(ltv=0, liquidation_threshold=0, liquidation_bonus=0)
    assert call.data.endswith(bytes(96))
