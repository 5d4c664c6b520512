"""One stream's missing blocks, read by several threads and landed by the caller's, whatever nodes answer meanwhile."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from governance.chain import incidents, partitions, ranges, store
from governance.chain.coverage import missing
from governance.chain.fetchers import Fetchers, Work, subtract
from governance.chain.reorgs import settle
from governance.chain.sizing import Sizing
from governance.env import env
from governance.errors import ChainError, ChainUnavailable, DishonestAnswer, RangeTooLarge, WrongChain
from governance.models import Incident, Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from governance.chain.client import Client
    from governance.chain.crew import Share
    from governance.chain.fetchers import Reading
    from governance.chain.ranges import Range
    from governance.models import Stream

    Progress = Callable[[int, int, str], None]

PATIENCE = 3  # how often the same blocks are asked for again after an answer that cannot be
TOGETHER = 4 * 1024 * 1024  # bytes of rows that are landed in one transaction
SUMMARIZED = 50_000  # logs after which the block-range indexes learn of them
LONGEST = 1.0  # seconds that rows wait for others
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
    client: Client,
    stream: Stream,
    *,
    to_block: int,
    progress: Progress,
    first: int | None = None,
    share: Share | None = None,
) -> Tally:
    """Land what ``stream`` lacks up to ``to_block`` (from ``first`` on, when it is given), or one ``share`` of that.

    Blocks that no provider gives an acceptable answer for are left out, noted as an open incident, and listed in the
    tally; later ones are landed all the same.

    Raises
    ------
    ChainUnavailable, WrongChain, DeepReorg
        When there is no use in going on; what was landed until then stays.
    """
    bounds = (stream.first_block if first is None else first, to_block)
    return _Collector(client, stream, bounds, progress, share).run()


class _Collector:
    def __init__(
        self, client: Client, stream: Stream, bounds: tuple[int, int], progress: Progress, share: Share | None
    ) -> None:
        self._client = client
        self._stream = stream
        self._chain = stream.deployment.chain
        self._bounds = bounds
        self._share = share
        self._work = Work(self._missing(), share)
        self._total = self._work.blocks if share is None else share.total
        self._progress = progress
        self._sizing = Sizing(_known_size(self._chain.chain_id, client.host))
        self._disappointments: Counter[int] = Counter()
        self._refusals: Counter[str] = Counter()  # of single blocks, by the words
        self._tally = Tally()
        self._waiting: list[tuple[Reading, Range]] = []  # to be landed together
        self._waiting_since = 0.0
        self._unsummarized = 0  # logs that no block-range index knows of
        self._replan = False  # whether somebody else changed what is held
        self._began = time.perf_counter()

    def run(self) -> Tally:
        """Do it all and return what was done."""
        if not self._work:
            return self._tally
        width = env().fetchers if self._share is None else -(-env().fetchers // 2)
        with Fetchers(self._read, width=width) as fetchers:
            try:
                self._collect(fetchers)
            except ChainError:
                self._land_waiting()
                raise
        return self._tally

    def _collect(self, fetchers: Fetchers) -> None:
        while readings := fetchers.next(self._work, lambda: self._sizing.size):
            for reading in readings:
                if isinstance(reading.found, ChainError):
                    self._refused(reading, reading.found)
                else:
                    self._answered(reading, reading.found)
            if self._due() or not (self._work or fetchers.under_way()):
                self._land_waiting()
            if self._replan:
                busy = [*fetchers.under_way(), *self._given_up(), *((one.first, one.last) for one, _ in self._waiting)]
                self._work = Work(subtract(self._missing(), busy), self._share)
                self._replan = False

    def _missing(self) -> list[tuple[int, int]]:
        """Return what is missing and nobody else's share."""
        if self._share is not None:
            return []
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
        if not self._waiting:
            self._waiting_since = time.perf_counter()
        self._waiting.append((reading, found))

    def _due(self) -> bool:
        size = sum(len(found.headers) + len(found.logs) for _, found in self._waiting)
        return size >= TOGETHER or time.perf_counter() - self._waiting_since > LONGEST

    def _land_waiting(self) -> None:
        waiting, self._waiting = sorted(self._waiting, key=_first), []
        run: list[tuple[Reading, Range]] = []
        for reading, found in waiting:
            if run and not _follows(found, run[-1][1]):
                self._land(run)
                run = []
            run.append((reading, found))
        if run:
            self._land(run)

    def _land(self, run: Sequence[tuple[Reading, Range]]) -> None:
        """Land ranges that follow each other in one transaction; when that fails, each by itself, to find out which."""
        reading, found = run[-1]
        try:
            landed = store.land(self._stream, *(found for _, found in run), provider=found.provider)
        except (store.Orphaned, DishonestAnswer) as error:
            if len(run) == 1:
                self._rejected(reading, error)
                return
            landed = False
        if not landed and len(run) > 1:
            for one in run:
                self._land([one])
            return
        self._replan |= not landed
        if landed:
            self._landed([part for _, part in run])
            blocks = sum(part.last - part.first + 1 for _, part in run)
            done = self._tally.blocks if self._share is None else self._share.landed(blocks)
            pace = self._tally.logs / max(time.perf_counter() - self._began, 1e-9)
            self._progress(done, self._total, f"block {reading.last:,}, {pace:,.0f} logs/s")

    def _landed(self, parts: Sequence[Range]) -> None:
        for part in parts:
            self._tally.landed(part)
        self._unsummarized += sum(part.n_logs for part in parts)
        if self._unsummarized >= SUMMARIZED:  # now, while the nodes are busy, rather than all of it in the end
            self._unsummarized = 0
            partitions.index(self._chain.chain_id, above=partitions.LOADING)
            partitions.summarize(self._chain.chain_id, first=parts[0].first, last=parts[-1].last)

    def _rejected(self, reading: Reading, error: store.Orphaned | DishonestAnswer) -> None:
        if isinstance(error, store.Orphaned):
            self._unlinked(reading, error)
        else:  # it cannot stand beside what is held
            self._client.distrust(error, first=reading.first, last=reading.last)
            self._again(reading, error)

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


def _first(waiting: tuple[Reading, Range]) -> int:
    return waiting[0].first


def _follows(found: Range, before: Range) -> bool:
    """Return whether a range can be landed together with the one before it."""
    return (found.first, found.first_parent, found.provider) == (before.last + 1, before.last_hash, before.provider)


def _known_size(chain_id: int, host: str) -> int:
    """Return the largest range that a node is known to answer; 0 for none."""
    found = Provider.objects.filter(chain=chain_id, name=host).first()
    return found.largest_range if found else 0
