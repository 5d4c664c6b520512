from __future__ import annotations

import pytest
from eth_abi import encode as reference_encode
from hypothesis import given
from hypothesis import strategies as st

from governance.chain import abi
from governance.errors import DishonestAnswer, InputError

POOL = "0x87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2"
addresses = st.binary(min_size=20, max_size=20).map(abi.checksum)


@given(
    address=addresses, number=st.integers(0, 2**256 - 1), signed=st.integers(-(2**127), 2**127 - 1), flag=st.booleans()
)
def test_static_words_encode_as_the_specification_says_and_come_back(address, number, signed, flag):
    types, values = ("address", "uint256", "int128", "bool"), (address, number, signed, flag)
    assert abi.encode_args(types, values) == reference_encode(types, values)
    assert abi.decode(types, abi.encode_args(types, values)) == values


@given(st.lists(st.tuples(addresses, st.booleans(), st.binary(max_size=70)), max_size=4), st.text(max_size=40))
def test_dynamic_types_come_back_with_checksummed_addresses(items, text):
    signature = "f((address,bool,bytes)[],string)"
    assert abi.decode_call(signature, abi.encode(signature, items, text)) == (tuple(items), text)


def test_selectors_and_topics_are_the_known_ones():
    assert abi.selector("transfer(address,uint256)").hex() == "a9059cbb"
    assert abi.topic("Transfer(address,address,uint256)").hex().startswith("ddf252ad1be2c89b")


def test_types_of_nested_signatures_are_told_apart():
    assert abi.parameters("f(uint256,(address,bool)[],string)") == ("uint256", "(address,bool)[]", "string")
    assert abi.parameters("f()") == ()


@pytest.mark.parametrize(
    ("signature", "values"),
    [
        ("f(uint8)", (256,)),
        ("f(uint256)", (-1,)),
        ("f(uint256)", ("7",)),
        ("f(address)", ("0x12",)),
        ("f(bytes32)", (b"short",)),
        ("f(uint256,uint256)", (1,)),
        ("f(string)", (7,)),
    ],
)
def test_values_that_do_not_fit_are_refused(signature, values):
    with pytest.raises(InputError):
        abi.encode(signature, *values)


@pytest.mark.parametrize(
    ("types", "data"),
    [
        (("uint256",), b""),
        (("uint8",), bytes(30) + b"\1\0"),
        (("bool",), bytes(31) + b"\2"),
        (("address",), b"\1" + bytes(31)),
        (("bytes",), bytes(31) + b"\x20"),
    ],
)
def test_answers_that_cannot_be_are_dishonest(types, data):
    with pytest.raises(DishonestAnswer):
        abi.decode(types, data)


def test_calldata_of_another_function_is_told_apart():
    with pytest.raises(DishonestAnswer, match="not a call of"):
        abi.decode_call("setSupplyCap(address,uint256)", abi.encode("setBorrowCap(address,uint256)", POOL, 1))


@pytest.mark.parametrize(
    ("nonce", "address"),
    [(0, "0x5FbDB2315678afecb367f032d93F642f64180aa3"), (1, "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512")],
)
def test_created_addresses_are_known_before_they_are_mined(nonce, address):
    assert abi.created_address("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", nonce) == address
