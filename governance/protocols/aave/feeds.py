"""Where the price of a source comes from: its own events, those of an aggregator behind it, or only its answer.

Aave asks a *source* for a price. A plain feed publishes by itself. Chainlink's proxy passes on what its current
aggregator publishes, and moves to another one without an event. An adapter (a capped rate, a fixed price, a product of
two feeds, an auctioned update) computes its answer, which no single event tells; it has to be asked at every block of
interest. Whatever is not surely one of the first two is taken for the third.

References
----------
Chainlink ``EACAggregatorProxy`` (``aggregator``, ``phaseId``, ``phaseAggregators``) and ``typeAndVersion`` of its
aggregators; ``DualAggregator`` (smart value recapture) holds back what it has published. Aave's price cap, peg and
fixed-price adapters have neither an aggregator of their own nor rounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.chain import abi
from governance.errors import ChainError, DishonestAnswer
from governance.protocols.aave.lore import Route
from governance.protocols.aave.versions import ask

if TYPE_CHECKING:
    from governance.chain.client import Client

_PLAIN = (
    "AccessControlledOffchainAggregator",
    "AccessControlledOCR2Aggregator",
    "OffchainAggregator",
    "OCR2Aggregator",
)
ASKED: tuple[Route, ...] = ()


def routes(client: Client, source: str, *, since: int) -> tuple[Route, ...]:
    """Return who publishes the price of ``source``, from block ``since`` on, in the order of time.

    Returns
    -------
    tuple of Route
        One route to ``source`` itself when it publishes by itself; none when its price has to be asked for.
    """
    head = client.head()
    aggregator = current(client, source, block=head.number)
    if aggregator is None:
        publishes = ask(client, source, "latestRound()", block=head.number) is not None
        return (Route(0, source),) if publishes else ASKED
    if not _passes_on(client, source, aggregator, block=head.number):
        return ASKED
    return _phases(client, source, since=since, head=head.number)


def current(client: Client, source: str, *, block: int | None = None) -> str | None:
    """Return the aggregator behind ``source`` at ``block``; None says that it is no proxy."""
    answer = ask(client, source, "aggregator()", block=block)
    return None if answer is None else _address(answer)


def _passes_on(client: Client, source: str, aggregator: str, *, block: int) -> bool:
    """Return whether the source's answer is the aggregator's, and that one publishes all that it answers."""
    kind = ask(client, aggregator, "typeAndVersion()", block=block)
    if kind is not None and str(abi.decode(("string",), kind)[0]).partition(" ")[0] not in _PLAIN:
        return False
    theirs, own = (ask(client, target, "latestAnswer()", block=block) for target in (aggregator, source))
    return own is not None and theirs == own and ask(client, source, "phaseId()", block=block) is not None


def _phases(client: Client, source: str, *, since: int, head: int) -> tuple[Route, ...]:
    """Return the aggregators of each phase since block ``since``.

    A node that no longer knows the past cannot say when phases changed; then only what follows from here on is told.
    """
    newest = _phase(client, source, head)
    try:
        oldest = max(_phase(client, source, since), 1)
        begun = {
            phase: _first_block(client, source, phase, low=since, high=head) for phase in range(oldest + 1, newest + 1)
        }
    except ChainError as error:
        if error.retryable or isinstance(error, DishonestAnswer):
            raise
        return (Route(client.header(head).timestamp, _aggregator_of(client, source, newest, head)),)
    found = [Route(0, _aggregator_of(client, source, oldest, head))]
    for phase, block in begun.items():
        found.append(Route(client.header(block).timestamp, _aggregator_of(client, source, phase, head)))
    return tuple(found)


def _first_block(client: Client, source: str, phase: int, *, low: int, high: int) -> int:
    """Return the first block at whose end ``phase`` has begun; it has not at ``low``, and has at ``high``."""
    while high - low > 1:
        middle = (low + high) // 2
        if _phase(client, source, middle) >= phase:
            high = middle
        else:
            low = middle
    return high


def _phase(client: Client, source: str, block: int) -> int:
    return int.from_bytes(ask(client, source, "phaseId()", block=block) or b"", "big")


def _aggregator_of(client: Client, source: str, phase: int, block: int) -> str:
    answer = ask(client, source, "phaseAggregators(uint16)", phase, block=block)
    if answer is None:
        raise DishonestAnswer(f"{source} is in phase {phase} and has no aggregator for it.", source=source)
    return _address(answer)


def _address(answer: bytes) -> str:
    return str(abi.decode(("address",), answer)[0])
