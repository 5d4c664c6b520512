"""Contract ABI: selectors, event topics, encoding and decoding. Addresses are EIP-55 strings, numbers are ints.

Most of what is read and written here is made of static 32-byte words (addresses, integers, flags, ``bytes32``);
those take a short path of a few microseconds. Everything else goes through ``eth_abi``.

References
----------
Solidity "Contract ABI Specification"; EIP-55 (checksummed addresses).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

from eth_abi import decoding, encoding
from eth_abi.codec import ABICodec
from eth_abi.exceptions import DecodingError, EncodingError
from eth_abi.registry import registry as default_registry
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak as _keccak

from governance.errors import DishonestAnswer, InputError

WORD = 32
_STATIC = re.compile(r"address|bool|bytes32|uint(?P<uint>\d+)|int(?P<int>\d+)")

Writer = Callable[[Any], bytes]
Reader = Callable[[bytes], object]


def keccak(data: bytes) -> bytes:
    """Return the 32-byte Keccak-256 hash of ``data``."""
    return bytes(_keccak(data))


@lru_cache(maxsize=65_536)
def checksum(address: str | bytes) -> str:
    """Return ``address`` (hex text or 20 bytes) as EIP-55 text.

    Raises
    ------
    InputError
        When it is not an address.
    """
    try:
        return str(to_checksum_address(address))
    except (ValueError, TypeError) as error:
        shown = address.hex() if isinstance(address, bytes) else address
        raise InputError(
            f"{shown!r} is not an address: 40 hexadecimal digits after 0x are needed.", value=shown
        ) from error


@cache
def parameters(signature: str) -> tuple[str, ...]:
    """Return the types in ``signature``'s brackets: ``"f(uint256,(address,bool)[])"`` gives two."""
    inside = signature[signature.index("(") + 1 : signature.rindex(")")]
    types, depth, start = [], 0, 0
    for position, letter in enumerate(inside):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            types.append(inside[start:position])
            start = position + 1
    return (*types, inside[start:]) if inside else ()


@cache
def topic(signature: str) -> bytes:
    """Return the 32-byte topic of an event, e.g. of ``"Transfer(address,address,uint256)"``."""
    return keccak(signature.encode("ascii"))


@cache
def selector(signature: str) -> bytes:
    """Return the 4-byte selector of a function, e.g. of ``"setSupplyCap(address,uint256)"``."""
    return topic(signature)[:4]


def encode(signature: str, *args: object) -> bytes:
    """Return the calldata of ``signature`` with ``args``: selector, then the encoded arguments.

    Raises
    ------
    InputError
        When an argument does not fit its type.
    """
    return selector(signature) + encode_args(parameters(signature), args)


def encode_args(types: Sequence[str], args: Sequence[object]) -> bytes:
    """Return ``args`` encoded as ``types``, without a selector.

    Raises
    ------
    InputError
        When an argument does not fit its type.
    """
    types = tuple(types)
    if len(types) != len(args):
        raise InputError(f"{len(args)} values were given for {len(types)} types ({', '.join(types)}).", types=types)
    try:
        writers = _writers(types)
        if writers is not None:
            return b"".join([write(arg) for write, arg in zip(writers, args, strict=True)])
        return _CODEC.encode(types, args)
    except (EncodingError, ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{args!r} does not fit the types ({', '.join(types)}): {error}", types=types) from error


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Return the values that ``data`` encodes; addresses as EIP-55 text.

    Raises
    ------
    DishonestAnswer
        When ``data`` is too short or a value is outside its type.
    """
    types = tuple(types)
    try:
        readers = _readers(types)
        if readers is not None:
            if len(data) < WORD * len(types):
                raise ValueError(f"{len(data)} bytes are too short for {len(types)} words")  # noqa: TRY301 - met below
            return tuple(
                read(data[at : at + WORD]) for at, read in zip(range(0, len(data), WORD), readers, strict=False)
            )
        return tuple(_CODEC.decode(types, data))
    except (DecodingError, ValueError, OverflowError) as error:
        raise DishonestAnswer(
            f"The answer does not decode as ({', '.join(types)}): {error}", types=types, data=data.hex()
        ) from error


def decode_call(signature: str, data: bytes) -> tuple[Any, ...]:
    """Return the arguments in calldata of ``signature``.

    Raises
    ------
    DishonestAnswer
        When the selector is another function's, or the arguments do not decode.
    """
    if data[:4] != selector(signature):
        raise DishonestAnswer(
            f"The calldata is not a call of {signature}: its selector is 0x{data[:4].hex()}.", signature=signature
        )
    return decode(parameters(signature), data[4:])


def created_address(sender: str, nonce: int) -> str:
    """Return the address of the contract that ``sender``'s transaction number ``nonce`` creates.

    It is the tail of ``keccak(rlp([sender, nonce]))`` (Ethereum yellow paper, section 7).
    """
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    tail = number if len(number) == 1 and nonce < 0x80 else bytes([0x80 + len(number)]) + number
    body = bytes([0x80 + 20]) + bytes.fromhex(sender[2:]) + tail
    return checksum(keccak(bytes([0xC0 + len(body)]) + body)[-20:])


class _ChecksumAddressDecoder(decoding.AddressDecoder):  # type: ignore[misc,unused-ignore]
    """`eth_abi` gives lower-case addresses; ours are EIP-55 everywhere."""

    decoder_fn = staticmethod(checksum)  # type: ignore[assignment] # it takes bytes, and gives text


def _codec() -> ABICodec:
    registry = default_registry.copy()  # type: ignore[no-untyped-call]
    registry.unregister("address")
    registry.register("address", encoding.AddressEncoder, _ChecksumAddressDecoder, label="address")
    return ABICodec(registry)


_CODEC = _codec()


@cache
def _writers(types: tuple[str, ...]) -> tuple[Writer, ...] | None:
    """Return a writer for each type, or None when one of them is not a static word."""
    matches = [_STATIC.fullmatch(name) for name in types]
    return None if None in matches else tuple(_writer(name) for name in types)


def _writer(name: str) -> Writer:
    if name == "address":
        return lambda value: b"\0" * 12 + bytes.fromhex(checksum(value)[2:])
    if name == "bool":
        return lambda value: bytes(31) + (b"\1" if value else b"\0")
    if name == "bytes32":
        return _bytes32
    signed, bits = name.startswith("int"), int(name.removeprefix("u").removeprefix("int"))

    def write(value: int) -> bytes:
        if not isinstance(value, int):
            raise TypeError(f"{value!r} is not an integer")
        value.to_bytes(bits // 8, "big", signed=signed)  # refuses what is outside of the type
        return value.to_bytes(WORD, "big", signed=signed)

    return write


def _bytes32(value: bytes) -> bytes:
    if len(value) != WORD:
        raise ValueError(f"{len(value)} bytes are not 32")
    return bytes(value)


@cache
def _readers(types: tuple[str, ...]) -> tuple[Reader, ...] | None:
    """Return a reader for each type, or None when one of them is not a static word."""
    matches = [_STATIC.fullmatch(name) for name in types]
    return None if None in matches else tuple(_reader(name) for name in types)


def _reader(name: str) -> Reader:
    if name == "address":
        return _read_address
    if name == "bool":
        return _read_bool
    if name == "bytes32":
        return bytes
    signed, size = name.startswith("int"), int(name.removeprefix("u").removeprefix("int")) // 8

    def read(word: bytes) -> int:
        value = int.from_bytes(word, "big", signed=signed)
        if size < WORD:
            value.to_bytes(size, "big", signed=signed)  # refuses dirty upper bytes
        return value

    return read


def _read_address(word: bytes) -> str:
    if any(word[:12]):
        raise ValueError(f"0x{word.hex()} is not an address")
    return checksum(word[12:])


def _read_bool(word: bytes) -> bool:
    value = int.from_bytes(word, "big")
    if value > 1:
        raise ValueError(f"{value} is not a flag")
    return bool(value)
