"""How an event's words lie in a log: which are topics, which are data, and that there are neither more nor fewer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from governance.chain import abi
from governance.errors import DishonestAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from governance.chain.store import LogRow


@dataclass(frozen=True, slots=True)
class Layout:
    """One event.

    Attributes
    ----------
    signature : str
        As its first topic is hashed from, e.g. ``"Supply(address,address,uint256)"``.
    indexed : tuple of int
        Which of its parameters are topics, from 0.
    make : Callable
        Given the values of the topics, then those of the data, both in order, returns what the log says.
    """

    signature: str
    indexed: tuple[int, ...]
    make: Callable[..., tuple[Any, ...]]

    @property
    def topic(self) -> bytes:
        """The event's first topic."""
        return abi.topic(self.signature)

    def read(self, log: LogRow) -> tuple[Any, ...]:
        """Return what ``log`` says.

        Raises
        ------
        DishonestAnswer
            When it has not this event's topics and data.
        """
        types = abi.parameters(self.signature)
        plain = tuple(kind for position, kind in enumerate(types) if position not in self.indexed)
        topics = [topic for topic in (log.topic1, log.topic2, log.topic3) if topic]
        static = not any("[" in kind or kind in {"string", "bytes"} for kind in plain)
        size = sum(1 + kind.count(",") for kind in plain) * abi.WORD
        if [len(topic) for topic in topics] != [abi.WORD] * len(self.indexed) or (static and len(log.data) != size):
            message = (
                f"Log {log.log_index} of block {log.block_number} is no {self.signature}: it has {len(topics)} topics"
                f" and {len(log.data)} bytes of data."
            )
            raise DishonestAnswer(message, block=log.block_number, log_index=log.log_index, data=log.data.hex())
        said = abi.decode(tuple(types[position] for position in self.indexed), b"".join(topics))
        return self.make(*said, *abi.decode(plain, log.data))


def table(layouts: Iterable[Layout]) -> dict[bytes, Layout]:
    """Return the layouts by first topic."""
    return {layout.topic: layout for layout in layouts}
