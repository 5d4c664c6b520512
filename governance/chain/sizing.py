"""How many blocks one question is about: as many as the nodes answer well, found out while asking.

A range grows while its answers are small and fast, and shrinks when they are not. What a node refuses becomes a limit,
by its own hint where it gives one; the limit is tried again a little higher now and then, so that one bad minute does
not leave the collector crawling.
"""

from __future__ import annotations

FIRST = 100  # blocks of the first question
LARGEST = 999  # blocks: with the question for logs a batch of 1,000, which is what nodes take unless told otherwise
ENOUGH = 2 * 1024 * 1024  # bytes of one answer: what fits a processor's cache is written and read a quarter cheaper
PATIENT = 4.0  # seconds of one answer
CONFIDENT = 16  # answers in a row at the limit, after which a higher one is tried


class Sizing:
    """The number of blocks of the next question.

    Parameters
    ----------
    known : int
        A size that is known to work; 0 for none.

    Attributes
    ----------
    size : int
        Blocks of the next question, at least 1.
    """

    def __init__(self, known: int = 0) -> None:
        self._limit = self._known = LARGEST
        self._in_a_row = 0
        self.size = max(min(known or FIRST, LARGEST), 1)

    def answered(self, blocks: int, *, octets: int, seconds: float) -> None:
        """Learn from an answer about ``blocks`` blocks: its length in bytes and how long it took."""
        fitting = min(blocks * ENOUGH // max(octets, 1), int(blocks * PATIENT / max(seconds, 0.001)))
        if octets > ENOUGH or seconds > PATIENT:
            self.size = max(min(fitting, self.size), 1)
        elif blocks >= self.size:  # a short piece at the end says nothing about long ones
            self.size = max(min(fitting, 2 * self.size, self._limit), 1)
        self._in_a_row += 1
        if self._in_a_row >= CONFIDENT and self.size == self._limit < LARGEST:
            self._limit = min(self._limit + max(self._limit // 4, 1), LARGEST)
            self._in_a_row = 0

    def refused(self, blocks: int, *, hint: int = 0, sure: bool = True) -> None:
        """Learn that ``blocks`` blocks were too many; ``hint`` is how many would do, 0 when the node did not say.

        It is not ``sure`` when the node's words say nothing of their number; `skip` takes that back.
        """
        self._limit = min(self._limit, hint if 0 < hint < blocks else max(blocks // 2, 1))
        if sure:
            self._known = self._limit
        self.size = min(self.size, self._limit)
        self._in_a_row = 0

    def halve(self, blocks: int) -> None:
        """Ask for half of ``blocks`` next: a part of them is not to be had, which says nothing about other blocks."""
        self.size = max(blocks // 2, 1)

    def skip(self, blocks: int) -> None:
        """Ask for more again: ``blocks`` blocks are not to be had in any size, so their number is not the reason."""
        self._limit = max(self._limit, self._known)
        self.size = max(self.size, min(2 * blocks, self._limit))
