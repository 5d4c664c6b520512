"""How an event lies in a log: how many topics, how many words of data, what fits in each, and what they say.

A node can give any bytes for a log; one that cannot be of the event that its first topic names is refused here, before
anything reads numbers out of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from governance.chain import abi
from governance.errors import DishonestAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from governance.chain.store import LogRow

WORD = abi.WORD
_INDEXED = " indexed"
_NARROW = re.compile(r"uint(\d+)")
_DYNAMIC = re.compile(r"string|bytes|.*\[\].*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The shape of one event's logs.

    Attributes
    ----------
    signature : str
        As it is hashed, e.g. ``"Transfer(address,address,uint256)"``.
    topics : tuple of int
        For each indexed argument, the smallest number that does not fit it (0: any 32 bytes).
    words : tuple of int
        Likewise for each word of the data's head.
    dynamic : bool
        Whether more data follows the head.
    """

    signature: str
    topics: tuple[int, ...]
    words: tuple[int, ...]
    dynamic: bool

    @property
    def topic(self) -> bytes:
        """The first topic of its logs."""
        return abi.topic(self.signature)

    def read(self, log: LogRow) -> list[int]:
        """Return the data of ``log`` as unsigned words; the topics are only checked.

        Raises
        ------
        DishonestAnswer
            When the log cannot be of this event.
        """
        topics = [topic for topic in (log.topic1, log.topic2, log.topic3) if topic]
        data = log.data
        words = [int.from_bytes(data[at : at + WORD], "big") for at in range(0, len(data), WORD)]
        fits = [len(topic) for topic in topics] == [WORD] * len(self.topics) and self._has_length(len(data))
        if not fits:
            self._refuse(log, f"it has {len(topics)} indexed arguments and {len(data)} bytes of data")
        for limit, topic in zip(self.topics, topics, strict=True):
            if limit and int.from_bytes(topic, "big") >= limit:
                self._refuse(log, f"0x{topic.hex()} does not fit its indexed argument")
        for limit, word in zip(self.words, words, strict=False):
            if limit and word >= limit:
                self._refuse(log, f"{word} does not fit its argument")
        return words

    def _has_length(self, size: int) -> bool:
        head = WORD * len(self.words)
        return size % WORD == 0 and size >= head if self.dynamic else size == head

    def _refuse(self, log: LogRow, why: str) -> None:
        message = f"Log {log.log_index} of block {log.block_number} is no {self.signature}: {why}."
        raise DishonestAnswer(message, address=log.address, block=log.block_number, log_index=log.log_index)


@cache
def shape(declaration: str) -> Shape:
    """Return the shape of an event, e.g. of ``"Transfer(address indexed,address indexed,uint256)"``."""
    indexed, plain = _arguments(declaration)
    return Shape(
        signature=declaration.replace(_INDEXED, ""),
        topics=tuple(map(_limit, indexed)),
        words=tuple(_limit(word) for kind in plain for word in _head(kind)),
        dynamic=any(map(_DYNAMIC.fullmatch, plain)),
    )


@dataclass(frozen=True, slots=True)
class Layout:
    """One event, and what its logs say.

    Attributes
    ----------
    declaration : str
        E.g. ``"Supply(address indexed,uint256)"``.
    make : Callable
        Given the values of the topics, then those of the data, both in order, returns what the log says.
    """

    declaration: str
    make: Callable[..., tuple[Any, ...]]

    @property
    def shape(self) -> Shape:
        """The shape of its logs."""
        return shape(self.declaration)

    @property
    def topic(self) -> bytes:
        """The event's first topic."""
        return self.shape.topic

    def read(self, log: LogRow) -> tuple[Any, ...]:
        """Return what ``log`` says; DishonestAnswer when it cannot be of this event."""
        self.shape.read(log)
        indexed, plain = _arguments(self.declaration)
        topics = b"".join(topic for topic in (log.topic1, log.topic2, log.topic3) if topic)
        return self.make(*abi.decode(indexed, topics), *abi.decode(plain, log.data))


def table(layouts: Iterable[Layout]) -> dict[bytes, Layout]:
    """Return the layouts by first topic."""
    return {layout.topic: layout for layout in layouts}


@cache
def _arguments(declaration: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the types of an event's indexed arguments, and those of the others."""
    declared = abi.parameters(declaration)
    indexed = tuple(kind.removesuffix(_INDEXED) for kind in declared if kind.endswith(_INDEXED))
    return indexed, tuple(kind for kind in declared if not kind.endswith(_INDEXED))


def _head(kind: str) -> tuple[str, ...]:
    """Return the types of the words that an argument has in the data's head: one offset when it is dynamic."""
    if kind.startswith("(") and not _DYNAMIC.fullmatch(kind):
        return tuple(word for part in abi.parameters(kind) for word in _head(part))
    return (kind,)


def _limit(kind: str) -> int:
    """Return the smallest number that is too large for a word of this type; 0 when none is."""
    if kind == "address":
        return 2**160
    if kind == "bool":
        return 2
    narrow = _NARROW.fullmatch(kind)
    return 2 ** int(narrow[1]) if narrow and narrow[1] != "256" else 0
