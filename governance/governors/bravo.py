"""Governor Bravo, as Compound made it: numbered proposals, votes by block, Compound's timelock.

Its events are laid out like OpenZeppelin's. It differs in what passes (only votes *for* count towards the quorum), in
that a proposal is queued and executed by its number, and in that even a defeated or expired one may be canceled. A
queued proposal is expired from the very second on in which its grace period of 14 days ends, although the timelock
would execute it in that second.

A number does not fix what is executed: a proposal is linked to an approved bundle by the calls and the text that its
log holds, and the executor refuses to act where those on record are others.

References
----------
Compound ``GovernorBravoDelegate``, ``GovernorBravoInterfaces`` and ``Timelock``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, override

from governance.chain.abi import decode, encode, selector
from governance.domain.action import Call
from governance.errors import InputError
from governance.governors.base import Governor, GovernorEvent, ProposalFacts, ask
from governance.governors.oz import CAST, CHANGES, CREATED, decode_common, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from governance.chain.client import Client
    from governance.domain.action import Bundle

_PROPOSE = "propose(address[],uint256[],string[],bytes[],string)"
_FIELDS = ("uint256",) * 8  # id, proposer, eta, start, end, for, against, abstain; what follows is in the state


class BravoGovernor(Governor):
    """Roles: ``governor``, ``timelock`` and ``token``."""

    flavour: ClassVar[str] = "bravo"
    events: ClassVar[tuple[str, ...]] = (CREATED, CAST, *CHANGES)
    roles: ClassVar[tuple[str, ...]] = ("governor", "timelock", "token")
    probes: ClassVar[tuple[str, ...]] = ("quorumVotes()", "proposalCount()", "initialProposalId()")
    companions: ClassVar[Mapping[str, str]] = {"timelock()": "timelock"}

    @property
    @override
    def numbered(self) -> bool:
        return True

    @override
    def discover(self, client: Client) -> dict[str, object]:
        grace = ask(client, self.addresses["timelock"], "GRACE_PERIOD()") if "timelock" in self.addresses else b""
        return {
            "clock": "blocknumber",
            "counting": "support=bravo&quorum=bravo",
            "ids": "sequential",
            "timelock": "compound",
            "grace": int.from_bytes(grace) if grace else None,
        }

    @override
    def propose(self, bundle: Bundle) -> Call:
        # Names of functions are left empty, and the calldata is whole: the timelock then passes it on as it is.
        calls = bundle.calls
        columns = ([call.target for call in calls], [call.value for call in calls], [""] * len(calls))
        data = encode(_PROPOSE, *columns, [call.data for call in calls], bundle.description)
        return Call(target=self.address, data=data)

    @override
    def vote(self, *, proposal_id: int, support: int, reason: str) -> Call:
        data = encode("castVoteWithReason(uint256,uint8,string)", proposal_id, support, reason)
        return Call(target=self.address, data=data)

    @override
    def queue(self, bundle: Bundle, *, proposal_id: int | None = None) -> Call:
        return self._act("queue(uint256)", proposal_id)

    @override
    def execute(self, bundle: Bundle, *, proposal_id: int | None = None) -> Call:
        return self._act("execute(uint256)", proposal_id)

    @override
    def decode(self, topics: Sequence[bytes], data: bytes) -> tuple[GovernorEvent, ...]:
        return (decode_common(topics, data),)

    @override
    def read(self, client: Client, ids: Sequence[int], *, block: int) -> dict[int, ProposalFacts]:
        if not ids:
            return {}
        calls = [self._view(name, proposal_id) for proposal_id in ids for name in ("state", "proposals")]
        *answers, said = client.eth_calls(
            [*calls, Call(target=self.address, data=selector("quorumVotes()"))], block=block
        )
        quorum = decode(("uint256",), said)[0]
        return {proposal_id: _facts(answers[2 * at], answers[2 * at + 1], quorum) for at, proposal_id in enumerate(ids)}

    def _act(self, signature: str, proposal_id: int | None) -> Call:
        if proposal_id is None:
            message = "A Governor Bravo queues and executes by number; say which proposal."
            raise InputError(message, field="proposal_id", value=None)
        return Call(target=self.address, data=encode(signature, proposal_id))

    def _view(self, name: str, proposal_id: int) -> Call:
        return Call(target=self.address, data=encode(f"{name}(uint256)", proposal_id))


def _facts(state: bytes, proposal: bytes, quorum: int) -> ProposalFacts:
    _, _, eta, start, end, in_favour, against, abstain = decode(_FIELDS, proposal)
    return ProposalFacts(
        state=state_of(decode(("uint256",), state)[0]),
        vote_start=start,
        vote_end=end,
        eta=eta or None,
        quorum=quorum,
        for_votes=in_favour,
        against_votes=against,
        abstain_votes=abstain,
    )
