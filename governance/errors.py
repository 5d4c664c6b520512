"""The error tree. Each error has a stable ``code``, a message for people and ``facts`` for machines.

::

    BreakwaterError
    ├── InputError               what a person gave cannot be used: names field, value and what would be right
    │   └── PolicyError          a policy that contradicts itself, or a change outside of it
    ├── ServiceError             something that we run or need is missing, broken or of the wrong version
    │   ├── PortTaken
    │   ├── MissingTool
    │   └── UnsupportedDatabase
    ├── ChainError
    │   ├── ChainUnavailable     the node did not answer; the only branch that is retried
    │   │   └── RateLimited      it asks to slow down
    │   ├── RangeTooLarge        a question about blocks must be asked in smaller parts
    │   ├── DeepReorg            a chain took back more than the collector may forget by itself
    │   ├── WrongChain           the node serves another chain than the one that was asked for
    │   ├── DishonestAnswer      the answer contradicts itself, or an earlier one
    │   ├── CallReverted         the contract said no
    │   └── ExcessiveGas         the node asks for more gas than the executor ever pays for
    ├── DataError                what was collected or imported must not be computed on
    │   ├── StaleData
    │   │   └── StoppedTrading   an asset has no prices any more while others have
    │   ├── GapInData
    │   │   └── TooShort         a history that is complete, but not long enough
    │   └── ImplausibleData
    │       ├── NotPositive      a price of zero or less
    │       ├── OutOfOrder       times that go back
    │       ├── DuplicateStamp   two rows of one time
    │       ├── SyntheticSeries  a series that no market made: constant, rounded or copied
    │       ├── OffGrid          timestamps that are not on the series' own grid: interpolated, not observed
    │       ├── MixedUnits       amounts that switch from raw integers to decimals
    │       ├── WrongNumeraire   prices in another unit than they claim
    │       ├── BeforeToken      prices from before the token existed
    │       └── DustSweep        counts that a sweep of dust positions dominates
    └── ConflictError            somebody else is doing it, or it was done already in another way
"""

from __future__ import annotations

from typing import ClassVar


class BreakwaterError(Exception):
    """Root of every error that Breakwater raises on purpose.

    Parameters
    ----------
    message : str
        One sentence that says what is wrong and what to do.
    facts : object
        Keyword facts (field, value, block, ...) for logs, JSON and tests.
    """

    code: ClassVar[str] = "breakwater"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts

    def as_dict(self) -> dict[str, object]:
        """Return the error as JSON-ready data."""
        return {"code": self.code, "message": self.message, "facts": {k: str(v) for k, v in self.facts.items()}}


class InputError(BreakwaterError):
    """A person's input cannot be used."""

    code = "input"


class PolicyError(InputError):
    """A policy contradicts itself, or a change is outside of it."""

    code = "policy"


class ServiceError(BreakwaterError):
    """A service that is needed is missing or broken."""

    code = "service"


class PortTaken(ServiceError):
    """Another process listens on the port that we were told to use."""

    code = "port-taken"


class MissingTool(ServiceError):
    """A program that must be installed is not there."""

    code = "missing-tool"


class UnsupportedDatabase(ServiceError):
    """The database is missing, unreachable or too old."""

    code = "unsupported-database"


class ChainError(BreakwaterError):
    """A word with a chain went wrong."""

    code = "chain"


class ChainUnavailable(ChainError):
    """The node did not answer, or asked us to slow down."""

    code = "chain-unavailable"
    retryable = True


class RateLimited(ChainUnavailable):
    """The node asks to slow down; the fact ``retry_after`` is in seconds, 0 when it did not say."""

    code = "rate-limited"


class RangeTooLarge(ChainError):
    """The node refuses that many blocks or logs at once; the fact ``hint`` is a size in blocks, 0 when unknown."""

    code = "range-too-large"


class DeepReorg(ChainError):
    """The chain was reorganised deeper than the collector may take back by itself."""

    code = "deep-reorg"


class WrongChain(ChainError):
    """The node serves another chain."""

    code = "wrong-chain"


class DishonestAnswer(ChainError):
    """The node's answer contradicts itself or an earlier one."""

    code = "dishonest-answer"


class CallReverted(ChainError):
    """The contract refused the call."""

    code = "call-reverted"


class ExcessiveGas(ChainError):
    """A call would take more gas than may be paid for."""

    code = "excessive-gas"


class DataError(BreakwaterError):
    """Data that must not be computed on."""

    code = "data"


class StaleData(DataError):
    """The data is older than its service level allows."""

    code = "stale-data"


class StoppedTrading(StaleData):
    """An asset has no prices any more, while others have."""

    code = "stopped-trading"


class GapInData(DataError):
    """A part of the series is missing."""

    code = "gap-in-data"


class TooShort(GapInData):
    """The history is shorter than what is computed from it needs."""

    code = "too-short"


class ImplausibleData(DataError):
    """A value that cannot be true."""

    code = "implausible-data"


class NotPositive(ImplausibleData):
    """A price is zero or less."""

    code = "not-positive"


class OutOfOrder(ImplausibleData):
    """Times go back where they must rise."""

    code = "out-of-order"


class DuplicateStamp(ImplausibleData):
    """Two rows of one series have one time."""

    code = "duplicate-stamp"


class SyntheticSeries(ImplausibleData):
    """No market made this series: it is constant, rounded to round numbers, or copied from itself."""

    code = "synthetic-series"


class OffGrid(ImplausibleData):
    """Timestamps lie off the series' grid, as interpolated ones do."""

    code = "off-grid"


class MixedUnits(ImplausibleData):
    """Amounts switch between raw integers and decimals in one file."""

    code = "mixed-units"


class WrongNumeraire(ImplausibleData):
    """Prices are in another unit than they claim, such as ETH for USD."""

    code = "wrong-numeraire"


class BeforeToken(ImplausibleData):
    """Prices are dated before the token existed."""

    code = "before-token"


class DustSweep(ImplausibleData):
    """Counts are dominated by a sweep of dust positions."""

    code = "dust-sweep"


class ConflictError(BreakwaterError):
    """Somebody else is doing it, or it was done in another way."""

    code = "conflict"
