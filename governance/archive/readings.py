"""What contracts were read to say, in one form: numbers as numbers, amounts as decimal text, addresses checksummed.

Everything that is compared or counted with is checked here, once; what else a record holds is kept as it is, as long
as a database can hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from governance.archive.entries import MOST_PAYLOADS, integer
from governance.archive.moments import past, payload_end
from governance.archive.rules import PROPOSAL_LIFE
from governance.archive.signatures import ACTION
from governance.chain.abi import checksum
from governance.domain.canonical import canonical
from governance.domain.lifecycle import AaveState, PayloadState
from governance.errors import InputError

PROPOSALS, PAYLOADS = "proposals", "payloads"
_UINT40, _UINT256 = 1 << 40, 1 << 256

type Reader = Callable[[Any], Any]
type Known = tuple[Reader, str]
"""How a field is read, and what it must be, in words."""


def normal(record: Mapping[str, Any], *, kind: str, where: str) -> dict[str, Any]:
    """Return a record with its known fields in one form.

    Parameters
    ----------
    record : Mapping
        What the contract said of one proposal or payload, from JSON.
    kind : str
        `PROPOSALS` or `PAYLOADS`.
    where : str
        File and id, for errors.

    Raises
    ------
    InputError
        When the state is missing or a field is not what it must be.
    """
    found = dict(record)
    readers = _PROPOSAL if kind == PROPOSALS else _PAYLOAD
    for name in ("state", *(name for name in readers if name in record and name != "state")):
        try:
            found[name] = readers[name][0](record.get(name))
        except (ValueError, TypeError, KeyError, AttributeError, InputError) as error:
            shown = ascii(record.get(name))[:80]
            message = f"{where}: the field {name} is {shown}; {readers[name][1]} would be right."
            raise InputError(message, field=name, value=shown, where=where) from error
    _require_storable(found, where)
    return found


def later(kind: str, record: Mapping[str, Any]) -> tuple[int, int, bytes]:
    """Return what a reading is sorted by: of two of the same thing, the one of the later moment is the greater.

    A state that no time tells (a vote that failed, a proposal that was executed) is later than the one before it; what
    is left is decided by content, so that the order in which readings are imported changes nothing.
    """
    if kind == PROPOSALS:
        expired = record["state"] == AaveState.EXPIRED and record.get("creationTime")
        end = record["creationTime"] + PROPOSAL_LIFE if expired else 0
    else:
        end = payload_end(record)
    return max([0, end, *past(record)]), record["state"], canonical(record)


def _below(limit: int) -> Reader:
    def read(value: object) -> int:
        found = integer(value)
        if not 0 <= found < limit:
            raise ValueError(f"{found} is out of range")
        return found

    return read


def _amount(value: object) -> str:
    return str(_below(_UINT256)(value))


def _address(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("an address is text")
    return checksum(value)


def _octets(value: str) -> str:
    return f"0x{bytes.fromhex(value.removeprefix('0x')).hex()}"


def _word(value: str) -> str:
    found = _octets(value)
    if len(found) != 66:
        raise ValueError(f"{value!r} is no word of 32 bytes")
    return found


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    return value


def _each(readers: Mapping[str, Reader], most: int) -> Reader:
    def read(value: object) -> list[dict[str, Any]]:
        if not isinstance(value, list) or len(value) > most:
            raise ValueError(f"a list of at most {most} objects")
        return [{**entry, **{name: reader(entry[name]) for name, reader in readers.items()}} for entry in value]

    return read


def _require_storable(value: object, where: str) -> None:
    """Refuse text that PostgreSQL cannot hold: with a NUL, or with half a surrogate pair."""
    for text in _texts(value):
        if "\0" in text or (not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)):
            message = f"{where}: the text {ascii(text)[:80]} has a NUL or half a surrogate pair in it."
            raise InputError(message, field="text", value=ascii(text)[:80])


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from (key, *_texts(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


_ACTION = dict(zip(ACTION, (_address, _boolean, _below(1 << 8), _amount, _text, _octets), strict=True))
_LISTED = {"chain": _amount, "payloadsController": _address, "payloadId": _below(_UINT40)}
_WHO: Known = (_address, "an address")
_TIME: Known = (_below(_UINT40), "seconds, as a whole number of 40 bits")
_LEVEL: Known = (_below(1 << 8), "a whole number below 256")
_VOTES: Known = (_amount, "a whole number of 256 bits")
_HASH: Known = (_word, "32 bytes in hexadecimal")
_PLACE: Known = (_below(1 << 63), "a whole number")
_PROPOSAL: dict[str, Known] = {
    "state": (_below(len(AaveState)), f"a whole number below {len(AaveState)}"),
    "accessLevel": _LEVEL,
    **dict.fromkeys(
        ("creationTime", "votingDuration", "votingActivationTime", "queuingTime", "cancelTimestamp"), _TIME
    ),
    **dict.fromkeys(("forVotes", "againstVotes", "cancellationFee"), _VOTES),
    **dict.fromkeys(("creator", "votingPortal"), _WHO),
    **dict.fromkeys(("snapshotBlockHash", "ipfsHash"), _HASH),
    "payloads": (_each(_LISTED, most=MOST_PAYLOADS), f"a list of at most {MOST_PAYLOADS} with {', '.join(_LISTED)}"),
}
_PAYLOAD: dict[str, Known] = {
    "state": (_below(len(PayloadState)), f"a whole number below {len(PayloadState)}"),
    "maximumAccessLevelRequired": _LEVEL,
    **dict.fromkeys(("createdAt", "queuedAt", "executedAt", "cancelledAt", "expirationTime"), _TIME),
    **dict.fromkeys(("delay", "gracePeriod"), _TIME),
    **dict.fromkeys(("id", "chainId"), _PLACE),
    **dict.fromkeys(("creator", "payloadsController"), _WHO),
    "actions": (_each(_ACTION, most=1 << 16), f"a list of objects with {', '.join(ACTION)}"),
}
