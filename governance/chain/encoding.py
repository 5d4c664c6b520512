"""Headers and logs, from a node's hexadecimal straight to rows of PostgreSQL's ``COPY ... (FORMAT BINARY)``.

A binary row is its number of columns, then each value behind its length in bytes, all big-endian. Almost every length
is known beforehand, so a row is one string of hexadecimal text, made by one f-string of the node's own digits, and a
whole block of rows becomes bytes at once. No value passes through a Python object of its own, and none through a float.

What is joined that way must have the width that its length says, or a malicious answer could shift the columns: the
width of every value is checked here, and `binascii.unhexlify` refuses whatever is no hexadecimal, white space too.

References
----------
PostgreSQL manual, COPY, "Binary format".
"""

from __future__ import annotations

from binascii import unhexlify
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import msgspec

from governance.chain.quantities import nonsense, quantity
from governance.domain import lattice
from governance.errors import DishonestAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BLOCK_COLUMNS = ("chain_id", "number", "hash", "parent_hash", "timestamp")
LOG_COLUMNS = (
    "chain_id",
    "block_number",
    "log_index",
    "block_hash",
    "tx_hash",
    "address",
    "topic0",
    "topic1",
    "topic2",
    "topic3",
    "data",
)
HEADER_WIDTH = 110  # bytes of a header's row
NUMBER_AT = slice(18, 26)  # of the block's number in it
HASH_AT = slice(30, 62)  # of the block's hash in it
BLOCK_AT = slice(18, 26)  # of the block's number in a log's row
_INDEX_AT = slice(60, 68)  # of the log's index in the text of its row
_HASH = 66  # characters of a hash, with its 0x
_LARGEST_INDEX = 2**31 - 1
_LARGEST_NUMBER = 2**63 - 1
_TOPIC = {_HASH: "00000020", 2: "00000000"}  # length in text -> length of the value


class RawHeader(msgspec.Struct, rename="camel", gc=False):
    """A header as the node gives it; the fields without a type are read only to hash it (`governance.chain.proofs`)."""

    number: str
    hash: str
    parent_hash: str
    timestamp: str
    logs_bloom: str
    receipts_root: str = ""
    sha3_uncles: Any = None
    miner: Any = None
    state_root: Any = None
    transactions_root: Any = None
    difficulty: Any = None
    gas_limit: Any = None
    gas_used: Any = None
    extra_data: Any = None
    mix_hash: Any = None
    nonce: Any = None
    base_fee_per_gas: Any = None
    withdrawals_root: Any = None
    blob_gas_used: Any = None
    excess_blob_gas: Any = None
    parent_beacon_block_root: Any = None
    requests_hash: Any = None


class Topics(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """Up to four topics; one that the log does not have is ``0x``."""

    a: str = "0x"
    b: str = "0x"
    c: str = "0x"
    d: str = "0x"


class RawLog(msgspec.Struct, rename="camel", gc=False):
    """A log as the node gives it."""

    block_number: str
    log_index: str
    block_hash: str
    transaction_hash: str
    address: str
    topics: Topics
    data: str
    removed: bool = False


class LogRows(NamedTuple):
    """Rows in the chain's order, how many they are, and the sum of all blocks' hashes (`governance.domain.lattice`).

    A block's hash is that of its header's row, one of ``headers``, and of its logs' rows behind it. ``seen`` says which
    address gave a log in which block, as pairs of the block's hash and the address, and ``counts`` how many logs each
    block gave, by its hash; a block without logs is in neither.
    """

    headers: bytes
    rows: bytes
    n_logs: int
    content: bytes
    seen: set[tuple[str, str]]
    counts: dict[str, int]


class _Place:
    """A block whose logs are written: its hash, the constant parts of its logs' rows, and these rows."""

    __slots__ = ("hash", "head", "middle", "rows")

    def __init__(self, chain_id: int, number: int, block_hash: str) -> None:
        self.hash = block_hash
        self.head = f"000b00000008{chain_id:016x}00000008{number:016x}00000004"
        self.middle = f"00000020{block_hash[2:]}00000020"
        self.rows: list[str] = []


class _Indexes(dict[str, str]):
    """Log indexes as nodes write them -> as columns take them."""

    def __missing__(self, said: str) -> str:
        index = quantity(said, "a log's index")
        if not 0 <= index <= _LARGEST_INDEX:
            nonsense("a log's index", said)
        self[said] = f"{index:08x}"
        return self[said]


class _Sizes(dict[int, str]):
    """Characters of ``0x…`` data -> the length of the value."""

    def __missing__(self, characters: int) -> str:
        if characters % 2:
            raise KeyError(characters)
        self[characters] = f"{characters // 2 - 1:08x}"
        return self[characters]


def header_rows(chain_id: int, headers: Iterable[RawHeader]) -> bytes:
    """Return the headers' rows. Their hashes must have been checked to be hashes."""
    return unhexlify("".join([_header_row(chain_id, header) for header in headers]))


def _header_row(chain_id: int, header: RawHeader) -> str:
    number, time = quantity(header.number, "a block number"), quantity(header.timestamp, "a block time")
    if not (0 <= number <= _LARGEST_NUMBER and 0 <= time <= _LARGEST_NUMBER):
        nonsense("a header's number and time", f"{header.number}, {header.timestamp}")
    return (
        f"000500000008{chain_id:016x}00000008{number:016x}"
        f"00000020{header.hash[2:]}00000020{header.parent_hash[2:]}00000008{time:016x}"
    )


def log_rows(chain_id: int, found: Iterable[RawLog], headers: Sequence[RawHeader], wanted: Sequence[str]) -> LogRows:
    """Return the rows of the logs that ``found`` holds of the blocks of ``headers`` and the ``wanted`` addresses.

    Raises
    ------
    DishonestAnswer
        When a log is of another block, of an orphaned one, of another address, malformed, or given twice; the fact
        ``kind`` says which.
    """
    above = header_rows(chain_id, headers)
    places = {header.number: _Place(chain_id, int(header.number, 16), header.hash) for header in headers}
    owners = {address: f"00000014{address[2:]}" for address in wanted}
    seen: set[tuple[str, str]] = set()
    try:
        _write(found, places, owners, seen)
        blocks = [_block(place) if place.rows else b"" for place in places.values()]
    except (KeyError, ValueError) as error:
        message = f"A log of blocks {_span(headers)} is malformed ({error})."
        raise DishonestAnswer(message, kind="truncated") from error
    filled = [place for place in places.values() if place.rows]
    starts = range(0, len(above), HEADER_WIDTH)
    return LogRows(
        headers=above,
        rows=b"".join(blocks),
        n_logs=sum(len(place.rows) for place in filled),
        content=lattice.total(
            sum(
                lattice.of_block(above[at : at + HEADER_WIDTH] + block)
                for at, block in zip(starts, blocks, strict=True)
            )
        ),
        seen=seen,
        counts={place.hash: len(place.rows) for place in filled},
    )


def _write(
    found: Iterable[RawLog], places: dict[str, _Place], owners: dict[str, str], seen: set[tuple[str, str]]
) -> None:
    """Give each log's row to its place. This loop runs once for every log of the chain: every call in it counts.

    What a log shares with the one before it, its place, owner and first topic, is not looked up again.
    """
    indexes, sizes, topic = _Indexes(), _Sizes(), _TOPIC
    number = address = event = None  # as no log has them, so that all is looked up for the first one
    place, named = _Place(0, 0, ""), ""
    for log in found:
        if log.block_number != number or log.address != address:
            number, address, event = log.block_number, log.address, None
            there = places.get(number)
            if there is None or address not in owners:
                _refuse(log, there)
            place = there
            seen.add((place.hash, address))
        if log.block_hash != place.hash or log.removed:
            _refuse(log, place)
        transaction, data, topics = log.transaction_hash, log.data, log.topics
        a, b, c, d = topics.a, topics.b, topics.c, topics.d
        if a != event:
            event, named = a, f"{owners[address]}{topic[len(a)]}{a[2:]}"
        if len(transaction) != _HASH:
            raise ValueError("its transaction hash is too short or too long")
        place.rows.append(
            f"{place.head}{indexes[log.log_index]}{place.middle}{transaction[2:]}{named}"
            f"{topic[len(b)]}{b[2:]}{topic[len(c)]}{c[2:]}{topic[len(d)]}{d[2:]}{sizes[len(data)]}{data[2:]}"
        )


def _block(place: _Place) -> bytes:
    """Return a block's rows in order; a row begins with the log's index, so order is that of the text."""
    place.rows.sort()
    if len({row[_INDEX_AT] for row in place.rows}) != len(place.rows):
        message = f"A log of block {place.hash} was given twice."
        raise DishonestAnswer(message, kind="duplicate", block_hash=place.hash)
    return unhexlify("".join(place.rows))


def _refuse(log: RawLog, place: _Place | None) -> NoReturn:
    number = quantity(log.block_number, "a log's block number")
    message = f"A log of block {number} is outside of the range, of another address, or of an orphaned block."
    orphaned = place is not None and (log.removed or log.block_hash != place.hash)
    raise DishonestAnswer(message, kind="contradiction" if orphaned else "out-of-range", block=number)


def _span(headers: Sequence[RawHeader]) -> str:
    return f"{int(headers[0].number, 16)} to {int(headers[-1].number, 16)}"
