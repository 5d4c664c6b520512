"""A real DAO: votes token, timelock and governor; and the two verbs of its members.

The timelock has no administrator but itself. The governor alone proposes to it; everybody may execute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from governance.chain import abi
from governance.domain.action import Call
from governance.lab.aave import ZERO, Deployment
from governance.lab.outbox import words
from governance.lab.spec import DaoSpec

WHOLE = 10**18
PROPOSE = "propose(address[],uint256[],bytes[],string)"
VOTE = "castVoteWithReason(uint256,uint8,string)"


class Support(IntEnum):
    """How OpenZeppelin's simple counting numbers the answers."""

    AGAINST = 0
    FOR = 1
    ABSTAIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Dao:
    """Addresses of the DAO and of those who hold its votes, the greatest holder first."""

    token: str
    timelock: str
    governor: str
    holders: tuple[str, ...]


def deploy(on: Deployment, spec: DaoSpec, *, holders: Sequence[str]) -> Dao:
    """Deploy the DAO, hand out its votes and let every holder vote for itself."""
    token = on.ours("VotesToken", ("address", on.deployer), ("uint256", spec.supply * WHOLE))
    timelock, governor = _controller(on, spec, token)
    shares = [1 / rank for rank in range(1, len(holders) + 1)]
    for holder, share in zip(holders, shares, strict=True):
        amount = int(spec.supply * share / sum(shares)) * WHOLE
        on.do(token, "transfer(address,uint256)", holder, amount)
        on.outbox.send(holder, Call(target=token, data=abi.encode("delegate(address)", holder)))
    on.mine()
    return Dao(token=token, timelock=timelock, governor=governor, holders=tuple(holders))


def take_over(on: Deployment, *, acl_manager: str, timelock: str) -> None:
    """Give the market's risk administration to the timelock, and take it from the deployer."""
    on.do(acl_manager, "addRiskAdmin(address)", timelock)
    on.do(acl_manager, "removeRiskAdmin(address)", on.deployer)
    on.mine()


def propose(governor: str, *, calls: Sequence[Call], description: str) -> Call:
    """Return the call that proposes ``calls``."""
    targets, values, data = ([call.target for call in calls], [call.value for call in calls], [c.data for c in calls])
    return Call(target=governor, data=abi.encode(PROPOSE, targets, values, data, description))


def vote(governor: str, *, proposal_id: int, support: Support, reason: str) -> Call:
    """Return the call that votes on a proposal."""
    return Call(target=governor, data=abi.encode(VOTE, proposal_id, int(support), reason))


def _controller(on: Deployment, spec: DaoSpec, token: str) -> tuple[str, str]:
    """Queue the timelock and the governor; each needs the other's address, which follow from the nonces."""
    code = on.contracts.openzeppelin("TimelockController").linked({})
    expected = on.outbox.next_address(on.deployer, skip=1)
    timelock = on.outbox.deploy(
        on.deployer,
        code
        + words(("uint256", spec.timelock_delay), ("address[]", [expected]), ("address[]", [ZERO]), ("address", ZERO)),
    )
    governor = on.ours(
        "GovernorDAO",
        ("address", token),
        ("address", timelock),
        ("uint48", spec.voting_delay),
        ("uint32", spec.voting_period),
        ("uint256", spec.threshold * WHOLE),
        ("uint256", spec.quorum_percent),
        ("uint48", spec.late_extension),
    )
    return timelock, governor
