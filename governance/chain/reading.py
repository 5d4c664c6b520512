"""A batch's answer, read: headers that follow each other, and the logs of their blocks as rows of the database.

It needs no node and no database, and is most of the work.
"""

from __future__ import annotations

import re
import threading
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from governance.chain.encoding import RawHeader, RawLog, log_rows
from governance.chain.quantities import nonsense, quantity
from governance.chain.sampling import sample, some
from governance.errors import DishonestAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from governance.chain.transport import Body

MOST_PROVEN = 16
"""Blocks of one range whose receipts are looked at because their blooms and their logs do not fit together."""

_HEADER_SHAPE = re.compile(r"0x[0-9a-f]{64},0x[0-9a-f]{64}")
_TURN = threading.Lock()
"""Only one thread reads an answer at a time: they would not be faster together, but need the memory of all."""


class Question(NamedTuple):
    """What was asked: the logs and the headers of blocks ``first`` to ``last``.

    Attributes
    ----------
    masks : mapping of str to int
        The addresses, in lower case, and what each sets in a bloom filter.
    share : float
        Of the blocks that are looked at more closely, 0 to 1.
    """

    chain_id: int
    first: int
    last: int
    masks: Mapping[str, int]
    share: float


class Refusal(NamedTuple):
    """The node's error in answer to a request of the batch; None says that it answered with nothing."""

    number: int
    error: Any


class Content(NamedTuple):
    """What the answer says.

    Attributes
    ----------
    first_parent, last_hash : str
        What the blocks link to.
    headers, logs, n_logs, content :
        As in `governance.chain.encoding.LogRows`.
    doubtful : dict of str to int
        By their hashes, blocks whose bloom may hold an address that gave no log, and how many logs others gave there.
    sampled, hashed : list of RawHeader
        Of the blocks whose receipts are compared, and those that are hashed.
    sampled_logs : list of RawLog
        The logs that were given of the sampled blocks.
    """

    first_parent: str
    last_hash: str
    headers: bytes
    logs: bytes
    n_logs: int
    content: bytes
    doubtful: dict[str, int]
    sampled: list[RawHeader]
    hashed: list[RawHeader]
    sampled_logs: list[RawLog]


Outcome = Content | Refusal | DishonestAnswer
"""What was read; a `DishonestAnswer` in place of it says that the parts do not fit together."""


class _Answer(msgspec.Struct, gc=False):
    id: int
    result: list[RawLog] | RawHeader | None = None
    error: Any = None


_ANSWERS = msgspec.json.Decoder(list[_Answer])
_id, _result = attrgetter("id"), attrgetter("result")


def read_in_turn(raw: Body, question: Question) -> Outcome:
    """Read when no other thread of this process does."""
    with _TURN:
        return read(raw, question)


def read(raw: Body, question: Question) -> Outcome:
    """Return what the answer to a batch says: first the logs, then one header after the other.

    Raises
    ------
    DishonestAnswer
        When it does not have the shape of such an answer.
    """
    found = results(raw, 2 + question.last - question.first)
    if isinstance(found, Refusal):
        return found
    try:
        return _content(found, question)
    except DishonestAnswer as error:
        return error


def _content(found: Sequence[object], question: Question) -> Content:
    headers, said = linked(found[1:], question.first), as_logs(found[0])
    rows = log_rows(question.chain_id, said, headers, tuple(question.masks))
    doubtful = {block: rows.counts.get(block, 0) for block in _doubtful(question.masks, headers, rows.seen)}
    sampled, hashed = sample(headers, question.share, in_doubt=frozenset(some(list(doubtful), MOST_PROVEN)))
    numbers = {header.number for header in sampled}
    return Content(
        first_parent=headers[0].parent_hash,
        last_hash=headers[-1].hash,
        headers=rows.headers,
        logs=rows.rows,
        n_logs=rows.n_logs,
        content=rows.content,
        doubtful=doubtful,
        sampled=sampled,
        hashed=hashed,
        sampled_logs=[log for log in said if log.block_number in numbers] if numbers else [],
    )


def results(raw: Body, count: int) -> list[Any] | Refusal:
    """Return the ``count`` results of a batch in the order of its requests, or the first refusal among them.

    Raises
    ------
    DishonestAnswer
        When they are no logs and headers, or not as many as were asked for.
    """
    try:
        answered = _ANSWERS.decode(raw)
    except msgspec.DecodeError as error:
        message = f"The node's answer does not have the shape of logs and headers: {error}."
        raise DishonestAnswer(message, kind="truncated") from error
    answered.sort(key=_id)
    if list(map(_id, answered)) != list(range(count)):
        message = "The node's batch answer has other ids than were asked for."
        raise DishonestAnswer(message, kind="truncated")
    for number, answer in enumerate(answered):
        if answer.error is not None or answer.result is None:
            return Refusal(number, answer.error)
    return list(map(_result, answered))


def as_logs(found: object) -> list[RawLog]:
    """Return the result that must be logs."""
    if not isinstance(found, list):
        nonsense("eth_getLogs", found)
    return found


def linked(found: Sequence[object], first: int) -> list[RawHeader]:
    """Return the results that must be the headers from block ``first`` on, each the parent of the next.

    Raises
    ------
    DishonestAnswer
        When they are not.
    """
    headers: list[RawHeader] = []
    parent, before = "", 0
    for number, header in enumerate(found, start=first):
        if not isinstance(header, RawHeader) or _HEADER_SHAPE.fullmatch(f"{header.hash},{header.parent_hash}") is None:
            raise DishonestAnswer(f"Block {number}'s header is malformed.", block=number, kind="truncated")
        if quantity(header.number, "a block number") != number:
            raise DishonestAnswer(f"Block {number}'s header is another block's.", block=number, kind="unlinked")
        time = quantity(header.timestamp, "a block's time")
        if time < before or (parent and header.parent_hash != parent):
            message = f"Block {number} does not follow the block {number - 1} that the same answer gave."
            raise DishonestAnswer(message, block=number, kind="unlinked")
        headers.append(header)
        parent, before = header.hash, time
    return headers


def _doubtful(masks: Mapping[str, int], headers: Sequence[RawHeader], seen: set[tuple[str, str]]) -> list[str]:
    """Return the hashes of the blocks whose bloom may hold an address that gave no log."""
    found = []
    for header in headers:
        silent = [mask for address, mask in masks.items() if (header.hash, address) not in seen]
        bloom = quantity(header.logs_bloom, "a block's bloom") if silent else 0
        if any(bloom & mask == mask for mask in silent):
            found.append(header.hash)
    return found
