"""Calldata in words, and nothing but the bytes where words would be a guess."""

from __future__ import annotations

from governance.chain.abi import encode
from governance.decoding import action
from governance.domain.action import Call

ASSET = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
TARGET = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"


def test_known_calls_have_names_units_and_known_addresses():
    data = encode("configureReserveAsCollateral(address,uint256,uint256,uint256)", ASSET, 7_800, 8_100, 10_500)
    found = action(Call(target=TARGET, data=data), names={ASSET: "WETH", TARGET: "Configurator"})
    assert (found.target_name, found.name) == ("Configurator", "configureReserveAsCollateral")
    assert [(argument.name, argument.text, argument.raw) for argument in found.arguments] == [
        ("asset", "WETH", ASSET),
        ("ltv", "78 %", "7800"),
        ("liquidationThreshold", "81 %", "8100"),
        ("liquidationBonus", "5 %", "10500"),
    ]


def test_unknown_calls_stay_bytes():
    found = action(Call(target=TARGET, data=bytes.fromhex("deadbeef00")), names={})
    assert (found.name, found.arguments, found.selector, found.data) == ("", (), "0xdeadbeef", "0xdeadbeef00")


def test_a_known_selector_with_broken_arguments_stays_bytes():
    data = encode("setSupplyCap(address,uint256)", ASSET, 5)[:-1]
    assert action(Call(target=TARGET, data=data), names={}).function == ""


def test_addresses_that_nobody_knows_are_written_out():
    data = encode("setSupplyCap(address,uint256)", ASSET, 1_000)
    found = action(Call(target=TARGET, data=data), names={})
    assert [argument.text for argument in found.arguments] == [ASSET, "1,000 tokens"]
    assert found.target_name == ""
