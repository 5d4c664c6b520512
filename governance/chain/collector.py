"""One stream's missing blocks, read by several threads and landed by the caller's, whatever nodes answer meanwhile."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from governance.chain import incidents, ranges, store
from governance.chain.coverage import missing
from governance.chain.fetchers import Fetchers, Work, subtract
from governance.chain.reorgs import settle
from governance.chain.sizing import Sizing
from governance.env import env
from governance.errors import ChainError, ChainUnavailable, DishonestAnswer, RangeTooLarge, WrongChain
from governance.models import Incident, Provider

if TYPE_CHECKING:
    from collections.abc import Callable

    from governance.chain.client import Client
    from governance.chain.fetchers import Reading
    from governance.chain.ranges import Range
    from governance.models import Stream

    Progress = Callable[[int, int, str], None]

PATIENCE = 3  # how often the same blocks are asked for again after an answer that cannot be
TIRED = 3  # single blocks refused in the same words, after which it is not the number of blocks that they are about


@dataclass(slots=True)
class Tally:
    """What was landed: blocks, logs and ranges; and the blocks that could not be had, with the reason.

    ``lowest`` and ``highest`` are the first and the last block that was landed; -1 when none was.
    """

    blocks: int = 0
    logs: int = 0
    ranges: int = 0
    lowest: int = -1
    highest: int = -1
    failures: list[tuple[int, int, ChainError]] = field(default_factory=list)

    def landed(self, found: Range) -> None:
        """Count a range."""
        self.add(Tally(found.last - found.first + 1, found.n_logs, 1, found.first, found.last))

    def add(self, other: Tally) -> None:
        """Count what another one has counted; its failures are the newest."""
        if other.ranges:
            self.lowest = min(self.lowest, other.lowest) if self.ranges else other.lowest
            self.highest = max(self.highest, other.highest)
        self.blocks, self.logs = self.blocks + other.blocks, self.logs + other.logs
        self.ranges += other.ranges
        self.failures += other.failures


def collect_stream(
    client: Client, stream: Stream, *, to_block: int, progress: Progress, first: int | None = None
) -> Tally:
    """Land what ``stream`` lacks up to ``to_block`` (from ``first`` on, when it is given).

    Blocks that no provider gives an acceptable answer for are left out, noted as an open incident, and listed in the
    tally; later ones are landed all the same.

    Raises
    ------
    ChainUnavailable, WrongChain, DeepReorg
        When there is no use in going on; what was landed until then stays.
    """
    bounds = (stream.first_block if first is None else first, to_block)
    return _Collector(client, stream, bounds, progress).run()


class _Collector:
    def __init__(self, client: Client, stream: Stream, bounds: tuple[int, int], progress: Progress) -> None:
        self._client = client
        self._stream = stream
        self._chain = stream.deployment.chain
        self._bounds = bounds
        self._work = Work(self._missing())
        self._total = self._work.blocks
        self._progress = progress
        self._sizing = Sizing(_known_size(self._chain.chain_id, client.host))
        self._disappointments: Counter[int] = Counter()
        self._refusals: Counter[str] = Counter()  # of single blocks, by the words
        self._tally = Tally()
        self._replan = False  # whether somebody else changed what is held
        self._began = time.perf_counter()

    def run(self) -> Tally:
        """Do it all and return what was done."""
        if not self._work:
            return self._tally
        with Fetchers(self._read, width=env().fetchers) as fetchers:
            while readings := fetchers.next(self._work, lambda: self._sizing.size):
                for reading in readings:
                    if isinstance(reading.found, ChainError):
                        self._refused(reading, reading.found)
                    else:
                        self._answered(reading, reading.found)
                if self._replan:
                    self._work = Work(subtract(self._missing(), [*fetchers.under_way(), *self._given_up()]))
                    self._replan = False
        return self._tally

    def _missing(self) -> list[tuple[int, int]]:
        low, high = self._bounds
        return [(max(first, low), last) for first, last in missing(self._stream, high) if last >= low]

    def _given_up(self) -> list[tuple[int, int]]:
        return [(first, last) for first, last, _ in self._tally.failures]

    def _read(self, first: int, last: int) -> tuple[Range, str]:
        """Read a range, in a thread of the fetchers."""
        chain_id, addresses = self._chain.chain_id, self._stream.addresses
        try:
            found = ranges.fetch(self._client, addresses, chain_id=chain_id, first=first, last=last)
        except DishonestAnswer as error:
            self._client.distrust(error, first=first, last=last)
            raise
        return found, found.provider

    def _answered(self, reading: Reading, found: Range) -> None:
        self._sizing.answered(reading.last - reading.first + 1, octets=found.size, seconds=found.seconds)
        try:
            landed = store.land(self._stream, found, provider=reading.provider)
        except store.Orphaned as orphaned:
            self._unlinked(reading, orphaned)
            return
        except DishonestAnswer as error:  # it cannot stand beside what is held
            self._client.distrust(error, first=reading.first, last=reading.last)
            self._again(reading, error)
            return
        self._replan |= not landed
        if landed:
            self._tally.landed(found)
        pace = self._tally.logs / max(time.perf_counter() - self._began, 1e-9)
        self._progress(self._tally.blocks, self._total, f"block {reading.last:,}, {pace:,.0f} logs/s")

    def _unlinked(self, reading: Reading, orphaned: store.Orphaned) -> None:
        """Find out whose word is outdated: what is held, which is taken back then, or what was just read."""
        message = f"Blocks {reading.first} to {reading.last} do not continue what was collected: {orphaned}."
        error = DishonestAnswer(message, kind="unlinked", host=reading.provider)
        if settle(self._client, self._chain, at=orphaned.block):
            self._replan = True
        elif self._disappointments[reading.first]:  # once may be a reorganisation that came between the two
            self._client.distrust(error, first=reading.first, last=reading.last)
        self._again(reading, error)

    def _refused(self, reading: Reading, error: ChainError) -> None:
        if isinstance(error, (ChainUnavailable, WrongChain)):
            raise error
        if isinstance(error, DishonestAnswer):
            self._again(reading, error)
        elif error.facts.get("kind") == "lagging":
            self._up_to_head(reading, error)
        elif isinstance(error, RangeTooLarge) and reading.last > reading.first:
            self._sizing.refused(reading.last - reading.first + 1, hint=int(str(error.facts.get("hint", 0))))
            self._work.put_back(reading.first, reading.last)
        else:
            self._withheld(reading, error)

    def _withheld(self, reading: Reading, error: ChainError) -> None:
        """Find out which of some blocks every node refuses in words that ask for no smaller number."""
        words, size = _words(error), reading.last - reading.first + 1
        if size == 1:
            self._refusals[words] += 1
            self._fail(reading.first, reading.last, error)
        elif not self._known(error):
            self._sizing.refused(size, sure=False)
            self._work.put_back(reading.first, reading.last)
        elif self._refuses(reading.last, words):  # what is thrown away is the oldest, so all before it is as well
            self._fail(reading.first, reading.last, error)
        else:
            self._sizing.halve(size)
            self._work.put_back(reading.first, reading.last)
            return
        if self._known(error):
            self._sizing.skip(size)

    def _known(self, error: ChainError) -> bool:
        """Return whether a refusal is known not to be about the number of blocks."""
        return error.facts.get("kind") == "pruned" or self._refusals[_words(error)] >= TIRED

    def _refuses(self, block: int, words: str) -> bool:
        try:
            self._read(block, block)
        except ChainError as error:
            return _words(error) == words
        return False

    def _up_to_head(self, reading: Reading, error: ChainError) -> None:
        """Take the blocks that a lagging node does hold; the others again, perhaps from another one."""
        lacking = int(str(error.facts.get("block", reading.first)))
        if reading.first < lacking <= reading.last:
            self._work.put_back(lacking, reading.last)
            self._work.put_back(reading.first, lacking - 1)
        else:
            self._again(reading, error)

    def _again(self, reading: Reading, error: ChainError) -> None:
        self._disappointments[reading.first] += 1
        if self._disappointments[reading.first] > PATIENCE:
            self._fail(reading.first, reading.last, error)
        else:
            self._work.put_back(reading.first, reading.last)

    def _fail(self, first: int, last: int, error: ChainError) -> None:
        self._tally.failures.append((first, last, error))
        incidents.record(
            chain_id=self._chain.chain_id,
            kind=Incident.Kind.GAP,
            provider="",
            first=first,
            last=last,
            detail=error.message,
        )


def _words(error: ChainError) -> str:
    """Return what a refusal says, as far as it is the same for other blocks."""
    return str(error.facts.get("kind") or re.sub(r"(?:0x[0-9a-f]+|\d+)", "#", error.message))


def _known_size(chain_id: int, host: str) -> int:
    """Return the largest range that a node is known to answer; 0 for none."""
    found = Provider.objects.filter(chain=chain_id, name=host).first()
    return found.largest_range if found else 0
