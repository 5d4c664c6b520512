"""The fields of a proposal and of a payload as their contracts name them, each from the event that sets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from governance.archive.rules import PAYLOAD_LIFE
from governance.archive.signatures import ACTION

if TYPE_CHECKING:
    from governance.archive.clock import Span
    from governance.archive.history import Life, Said

type When = Callable[[Said], Span]

_TIME = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: the events that set it, the argument that does (empty: the block's time), and what it is before."""

    name: str
    events: tuple[str, ...]
    argument: str = _TIME
    before: object = 0


PROPOSAL_FIELDS = (
    Field(name="creator", events=("ProposalCreated",), argument="creator"),
    Field(name="accessLevel", events=("ProposalCreated",), argument="accessLevel"),
    Field(name="ipfsHash", events=("ProposalCreated",), argument="ipfsHash"),
    Field(name="creationTime", events=("ProposalCreated",)),
    Field(name="votingActivationTime", events=("VotingActivated",)),
    Field(name="votingDuration", events=("VotingActivated",), argument="votingDuration"),
    Field(
        name="snapshotBlockHash",
        events=("VotingActivated",),
        argument="snapshotBlockHash",
        before=f"0x{bytes(32).hex()}",
    ),
    Field(name="queuingTime", events=("ProposalQueued",)),
    Field(name="cancelTimestamp", events=("ProposalCanceled",)),
    Field(name="forVotes", events=("ProposalQueued", "ProposalFailed"), argument="votesFor", before="0"),
    Field(name="againstVotes", events=("ProposalQueued", "ProposalFailed"), argument="votesAgainst", before="0"),
)
PAYLOAD_FIELDS = (
    Field(name="creator", events=("PayloadCreated",), argument="creator"),
    Field(name="maximumAccessLevelRequired", events=("PayloadCreated",), argument="maximumAccessLevelRequired"),
    Field(name="actions", events=("PayloadCreated",), argument="actions"),
    Field(name="createdAt", events=("PayloadCreated",)),
    Field(name="queuedAt", events=("PayloadQueued",)),
    Field(name="executedAt", events=("PayloadExecuted",)),
    Field(name="cancelledAt", events=("PayloadCancelled",)),
)


@dataclass(slots=True, kw_only=True)
class Values:
    """What is known of the fields.

    Attributes
    ----------
    known : dict
        Field -> value, as the contract's own word would have it in JSON; None: not in the logs.
    bounds : dict
        Field -> earliest and latest second, of times that the logs do not tell exactly.
    from_dump : list of str
        Fields whose value is the contract's word and not the logs'.
    exact, bounded : int
        How many fields were compared with the contract's word; and how many times lie within their bounds.
    """

    known: dict[str, Any] = field(default_factory=dict)
    bounds: dict[str, Span] = field(default_factory=dict)
    from_dump: list[str] = field(default_factory=list)
    exact: int = 0
    bounded: int = 0

    def set_time(self, name: str, span: Span) -> None:
        """Take a time that is known exactly or within bounds."""
        self.known[name] = span[0] if span[0] == span[1] else None
        if span[0] != span[1]:
            self.bounds[name] = span

    def compare(self, reading: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Fill what the logs do not tell from the contract's word; return field -> both values where they differ."""
        differences = {}
        for name, said in reading.items():
            mine = self.known.get(name)
            if mine is not None:
                self.exact += 1
                if _plain(mine) != _plain(said):
                    differences[name] = (mine, said)
            elif name != "state":
                self.known[name] = said
                self.from_dump.append(name)
                if name in self.bounds:
                    low, high = self.bounds[name]
                    self.bounded += 1
                    if not low <= int(said) <= high:
                        differences[name] = ([low, high], said)
        return differences


def values(fields: tuple[Field, ...], life: Life, *, missing: AbstractSet[str], when: When) -> Values:
    """Return the fields of what had ``life``; those that an event in ``missing`` would set stay unknown."""
    made = Values()
    for each in fields:
        said = next((life[name][0] for name in each.events if name in life), None)
        if said is None:
            made.known[each.name] = None if missing & {*each.events} else each.before
        elif each.argument == _TIME:
            made.set_time(each.name, when(said))
        else:
            made.known[each.name] = _json(each.argument, said.args[each.argument])
    return made


def set_rules(made: Values, *, grace: int) -> None:
    """Add the fields of a payload that follow from others, and its ``grace``: seconds in which it can be executed."""
    made.known["gracePeriod"] = grace
    if made.known["createdAt"] is not None:
        made.known["expirationTime"] = made.known["createdAt"] + PAYLOAD_LIFE
    elif "createdAt" in made.bounds:
        low, high = made.bounds["createdAt"]
        made.set_time("expirationTime", (low + PAYLOAD_LIFE, high + PAYLOAD_LIFE))


def _json(name: str, value: Any) -> Any:  # noqa: ANN401 - values of many types
    if name == "actions":
        return [{part: _json(part, inner) for part, inner in zip(ACTION, action, strict=True)} for action in value]
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    return str(value) if name in {"votesFor", "votesAgainst", "value"} else value


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a value in one form: numbers as text, text in lower case."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, bool) else str(value).lower()
