"""One entry of an archive file: a log in whatever way it is written down, as the log that it is.

Indexers write the same log differently: numbers as decimal text, hexadecimal text or numbers, addresses in any case,
the block's time as hexadecimal or decimal or not at all. Topics and data are the chain's own words and rule; named
arguments beside them must say the same, and stand in for them only where they are absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from governance.archive.signatures import ACTION, BY_TOPIC, EVENTS, Event
from governance.chain.abi import checksum
from governance.errors import ChainError, ImplausibleData, InputError

_HASH, _ADDRESS = 32, 20
_NUMBER = re.compile(r"-?[0-9]{1,80}|0[xX][0-9a-fA-F]{1,64}")  # up to a word of the chain
_TIMES = ("blockTimestamp", "timestamp", "timeStamp")
_FLAGS = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}  # 1 and 0 are among them
_MOST_TOPICS = 4
MOST_PAYLOADS = 255  # more than one transaction could ever send
_LIMITS = {"blockNumber": 1 << 63, "logIndex": 1 << 31} | dict.fromkeys(_TIMES, 1 << 40)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedLog:
    """A log as an archive file holds it.

    Attributes
    ----------
    timestamp : int or None
        Unix seconds of its block; None: the file does not say.
    block_hash : bytes
        Empty where the file does not say.
    encoded : bool
        Whether topics and data were absent and were made from the named arguments.
    """

    chain_id: int
    address: str
    block_number: int
    block_hash: bytes
    tx_hash: bytes
    log_index: int
    topics: tuple[bytes, ...]
    data: bytes
    timestamp: int | None
    encoded: bool

    @property
    def key(self) -> tuple[int, bytes, int]:
        """What makes it one log: chain, transaction and index."""
        return self.chain_id, self.tx_hash, self.log_index

    @property
    def event(self) -> Event | None:
        """The layout of its event; None when Aave's governance has none like it."""
        return BY_TOPIC.get(self.topics[0]) if self.topics else None

    @property
    def args(self) -> dict[str, Any]:
        """Its arguments by name; none for an event that is not known."""
        return {} if self.event is None else self.event.decode(self.topics, self.data)

    def merged(self, other: ArchivedLog) -> ArchivedLog:
        """Return what two entries of the same log say together.

        Raises
        ------
        ImplausibleData
            When they contradict each other.
        """
        made = replace(
            self,
            timestamp=self.timestamp if other.timestamp is None else other.timestamp,
            block_hash=self.block_hash or other.block_hash,
            encoded=self.encoded and other.encoded,
        )
        theirs = replace(other, timestamp=made.timestamp, block_hash=other.block_hash or made.block_hash)
        if made != replace(theirs, encoded=made.encoded) or self.timestamp not in {None, made.timestamp}:
            message = (
                f"Two entries of log {self.log_index} of transaction 0x{self.tx_hash.hex()} on chain {self.chain_id}"
                " contradict each other; keep the one that the chain's node confirms."
            )
            raise ImplausibleData(message, chain=self.chain_id, tx=f"0x{self.tx_hash.hex()}", log=self.log_index)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Word of a log that a reorganisation removed; ``block_hash`` is empty where the file does not say of which block.

    Without it nothing can be taken back: the transaction came back in another block, as a rule.
    """

    chain_id: int
    tx_hash: bytes
    log_index: int
    block_hash: bytes

    @property
    def key(self) -> tuple[int, bytes, int]:
        """As `ArchivedLog.key`."""
        return self.chain_id, self.tx_hash, self.log_index

    @property
    def finding(self) -> str:
        """A sentence for people."""
        place = f"chain {self.chain_id}, transaction 0x{self.tx_hash.hex()}, log {self.log_index}"
        return f"{place}: a copy of it is marked as removed, so it was taken back."


def read_entry(entry: object, *, chain_id: int, address: str, where: str) -> tuple[ArchivedLog | Removal, str]:
    """Return the log that ``entry`` is, or the word that one was removed, and what is odd about it, if anything.

    Parameters
    ----------
    entry : object
        From JSON.
    chain_id : int
        Of the folder that the file is in.
    address : str
        Of the contract that the file is named after.
    where : str
        File and position, for errors.

    Raises
    ------
    InputError
        When it is no log of that contract.
    """
    if not isinstance(entry, Mapping):
        raise InputError(f"{where} is not an object with the fields of a log.", field=where)
    fields = _Fields(entry, where)
    block_hash = fields.octets("blockHash", _HASH) if entry.get("blockHash") else b""
    tx_hash, log_index = fields.octets("transactionHash", _HASH), fields.number("logIndex")
    if fields.flag("removed"):
        return Removal(chain_id=chain_id, tx_hash=tx_hash, log_index=log_index, block_hash=block_hash), ""
    emitter = checksum(fields.octets("address", _ADDRESS)) if "address" in entry else address
    if emitter != address:
        raise fields.error("address", emitter, f"the contract that the file is named after, {address}")
    event, topics, data = _words(fields)
    times = [name for name in _TIMES if entry.get(name) is not None]
    log = ArchivedLog(
        chain_id=chain_id,
        address=address,
        block_number=fields.number("blockNumber"),
        block_hash=block_hash,
        tx_hash=tx_hash,
        log_index=log_index,
        topics=topics,
        data=data,
        timestamp=fields.number(times[0]) if times else None,
        encoded=not entry.get("topics"),
    )
    return log, _odd(log, event, entry, where)


def _words(fields: _Fields) -> tuple[Event | None, tuple[bytes, ...], bytes]:
    """Return the event, topics and data of an entry, from the named arguments where it has no topics."""
    told = fields.entry.get("topics")
    if told:
        if not isinstance(told, list) or len(told) > _MOST_TOPICS:
            raise fields.error("topics", told, "a list of one to four words of 32 bytes")
        topics = tuple(fields.bytes_of("topics", topic, _HASH) for topic in told)
        return BY_TOPIC.get(topics[0]), topics, fields.bytes_of("data", fields.entry.get("data", "0x"))
    event = EVENTS.get(str(fields.entry.get("eventName")))
    if event is None or not isinstance(fields.entry.get("args"), Mapping):
        known = ", ".join(EVENTS)
        raise fields.error("topics", fields.entry.get("eventName"), f"topics and data, or one of {known} with its args")
    try:
        given = {name: plain(kind, fields.entry["args"][name]) for name, kind, _ in event.fields}
        topics, data = event.encode(given)
    except (KeyError, ValueError, TypeError, AttributeError, InputError) as error:
        raise fields.error("args", error, f"every argument of {event.signature}") from error
    return event, topics, data


def _odd(log: ArchivedLog, event: Event | None, entry: Mapping[str, Any], where: str) -> str:
    """Return in one sentence how the named arguments differ from topics and data; empty when they do not.

    Raises
    ------
    InputError
        When topics and data do not decode as the event that they say they are.
    """
    if event is None:
        return ""
    try:
        truth = event.decode(log.topics, log.data)
    except ChainError as error:
        raise InputError(f"{where} does not decode as {event.signature}: {error.message}", field=where) from error
    _require_few(truth, where)
    place = f"chain {log.chain_id}, transaction 0x{log.tx_hash.hex()}, log {log.log_index}"
    if entry.get("eventName") is not None and entry["eventName"] != event.name:
        called = ascii(entry["eventName"])[:80]  # ASCII, because PostgreSQL has no NUL in text
        return f"{place}: it is called {called}, but its topic is that of {event.name}."
    if len(log.data) != event.size(truth):
        return f"{place}: its data are not as long as its arguments are."
    given = entry.get("args")
    said: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    for name, kind, _ in event.fields:
        try:
            same = name not in said or plain(kind, said[name]) == truth[name]
        except (KeyError, ValueError, TypeError, AttributeError, InputError):
            same = False
        if not same:
            return f"{place}: its argument {name} is not what its topics and data say."
    return ""


def _require_few(args: Mapping[str, Any], where: str) -> None:
    """Refuse a number of payloads that no proposal has, so that the work stays in proportion to the logs."""
    count = args.get("numberOfPayloadsOnProposal", 0)
    if count > MOST_PAYLOADS:
        right = f"at most {MOST_PAYLOADS}"
        message = f"{where}: the argument numberOfPayloadsOnProposal is {count}; {right} would be right."
        raise InputError(message, field="numberOfPayloadsOnProposal", value=count)


def plain(kind: str, value: Any) -> Any:  # noqa: ANN401 - JSON in, values of many types out
    """Return an argument as `Event.decode` returns one of type ``kind``; raises ValueError, KeyError or InputError."""
    if kind.startswith("(") and kind.endswith("[]"):
        kinds = kind[1:-3].split(",")
        return tuple(
            tuple(plain(part, action[name]) for part, name in zip(kinds, ACTION, strict=True)) for action in value
        )
    if kind == "bool":
        return _FLAGS[value]
    if kind == "address":
        return checksum(value)
    if kind.startswith("bytes"):
        return bytes.fromhex(value.removeprefix("0x"))
    return str(value) if kind == "string" else integer(value)


def integer(value: object) -> int:
    """Return a whole number that is written as a number, decimal text or hexadecimal text; raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no whole number")  # noqa: TRY004 - one kind of error for the caller
    if _NUMBER.fullmatch(value) is None:
        raise ValueError(f"{value[:80]!r} is no whole number")
    return int(value, 16) if value[:2].lower() == "0x" else int(value)


class _Fields:
    """The fields of one entry, read with errors that name file, entry and field."""

    def __init__(self, entry: Mapping[str, Any], where: str) -> None:
        self.entry = entry
        self.where = where

    def number(self, name: str) -> int:
        try:
            found = integer(self.entry.get(name))
        except ValueError:
            found = -1
        if not 0 <= found < _LIMITS[name]:
            right = f"a whole number below {_LIMITS[name]}, decimal or hexadecimal"
            raise self.error(name, self.entry.get(name), right)
        return found

    def flag(self, name: str) -> bool:
        value = self.entry.get(name)
        if value is None:
            return False
        if not isinstance(value, int | str) or value not in _FLAGS:
            raise self.error(name, value, "true or false")
        return _FLAGS[value]

    def octets(self, name: str, size: int) -> bytes:
        return self.bytes_of(name, self.entry.get(name), size)

    def bytes_of(self, name: str, value: object, size: int | None = None) -> bytes:
        try:
            found = bytes.fromhex(str(value).removeprefix("0x").removeprefix("0X"))
        except ValueError:
            found = None
        if found is None or (size is not None and len(found) != size):
            raise self.error(name, value, f"{size} bytes in hexadecimal" if size else "hexadecimal text after 0x")
        return found

    def error(self, name: str, value: object, right: str) -> InputError:
        shown = str(value)[:80]
        message = f"{self.where}: the field {name} is {shown!r}; {right} would be right."
        return InputError(message, field=name, value=shown, where=self.where)


def first_seen(logs: Sequence[ArchivedLog]) -> dict[tuple[int, bytes, int], ArchivedLog]:
    """Return each log once, whatever the order and however often it is given; raises what `merged` raises."""
    found: dict[tuple[int, bytes, int], ArchivedLog] = {}
    for log in logs:
        found[log.key] = found[log.key].merged(log) if log.key in found else log
    return found
