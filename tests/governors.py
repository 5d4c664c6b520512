"""Real governors of every flavour, deployed for a test, with the verbs of those who use them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from governance.bundles import governor_of, register
from governance.chain.abi import checksum, created_address, encode, keccak
from governance.chain.client import Client
from governance.deployments import watch_governor
from governance.domain.action import Call
from governance.domain.lifecycle import ProposalState
from governance.env import ROOT
from governance.governors.oz import STATES
from governance.models import OnchainProposal
from tests.compiled import compiled
from tests.dao import HOLDERS, VOTES, Dao, contract_bytecode

MODULES = ROOT / "node_modules"
VENUS = MODULES / "@venusprotocol/governance-contracts/artifacts/contracts"
WAIT = 2 * 86_400  # seconds in the timelock; the least that Compound's takes
GRACE = 14 * 86_400
_PERIOD_SLOT = 4  # of a Governor Bravo, where its votes' length is
ARTIFACTS = {
    "CompoundTimelock": MODULES / "@uniswap/governance/build/Timelock.json",
    "TimelockController": MODULES / "@openzeppelin/contracts/build/contracts/TimelockController.json",
    "TimelockController4": MODULES / "openzeppelin-4/build/contracts/TimelockController.json",
    "BravoDelegate": VENUS / "legacy/GovernorBravoDelegateV1.sol/GovernorBravoDelegateV1.json",
    "BravoDelegator": VENUS / "legacy/GovenorBravoV1.sol/GovernorBravoDelegatorV1.json",
}


@dataclass(kw_only=True)
class Ruled(Dao):
    """A DAO with one governor of some flavour.

    Attributes
    ----------
    blocks : bool
        Whether the governor's clock counts blocks.
    delay, period : int
        Of its votes, in its clock.
    wait : int
        Seconds in the timelock; 0 without one.
    """

    flavour: str = "oz"
    blocks: bool = False
    delay: int = 20
    period: int = 200
    wait: int = WAIT
    slug: str = "ruled"

    def watch(self, **roles: str) -> Any:
        return watch_governor(
            client=self.client,
            flavour=self.flavour,
            addresses={"governor": self.governor, **roles},
            slug=self.slug,
            name=self.slug.upper(),
            first_block=self.first_block,
        )

    def pass_time(self, units: int) -> None:
        """Let so many units of the governor's clock pass, at least."""
        if self.blocks:
            self.mine(units)
        else:
            self.warp(units)

    def put(self, deployment: Any, *, text: str = "", price: int = 77) -> tuple[Any, OnchainProposal]:
        """Approve and propose a bundle; return it and its row."""
        bundle = self.bundle(price, text=text)
        register(bundle, deployment=deployment, actor="steward")
        self.send(self.deployer, governor_of(deployment).propose(bundle))
        self.refresh(deployment)
        return bundle, OnchainProposal.objects.filter(deployment=deployment).order_by("-pk").first()

    def carry(self, row: OnchainProposal, supports: tuple[int, ...] = (1, 1, 1, 0, 2)) -> None:
        """Open the vote, cast votes, and let it end."""
        self.pass_time(self.delay + 1)
        self.vote(int(row.proposal_id), row.deployment, supports)
        self.pass_time(self.period + 1)

    def cancel_row(self, row: OnchainProposal, bundle: Any) -> None:
        """Cancel as the proposer."""
        if self.flavour == "bravo":
            data = encode("cancel(uint256)", int(row.proposal_id))
        else:
            columns = (
                [c.target for c in bundle.calls],
                [c.value for c in bundle.calls],
                [c.data for c in bundle.calls],
            )
            signature = "cancel(address[],uint256[],bytes[],bytes32)"
            data = encode(signature, *columns, keccak(bundle.description.encode()))
        self.send(self.deployer, Call(target=self.governor, data=data))

    def agree(self, row: OnchainProposal) -> ProposalState:
        """Index anew, and compare the row with the contract itself; return the state."""
        report = self.refresh(row.deployment)
        assert report.tally_equal, report.mismatches
        row.refresh_from_db()
        number = int(row.proposal_id)
        asked = Call(target=self.governor, data=encode("state(uint256)", number))
        state = STATES[int.from_bytes(self.client.eth_call(asked))]
        assert row.state == state
        tally = (int(row.against_votes), int(row.for_votes), int(row.abstain_votes))
        assert tally == self.counted(number)
        return state

    def counted(self, number: int) -> tuple[int, ...]:
        """Return the contract's own tally: against, for, abstain."""
        name = "proposals" if self.flavour == "bravo" else "proposalVotes"
        answer = self.client.eth_call(Call(target=self.governor, data=encode(f"{name}(uint256)", number)))
        words = [int.from_bytes(answer[at : at + 32]) for at in range(0, len(answer), 32)]
        return (words[6], words[5], words[7]) if self.flavour == "bravo" else tuple(words[:3])


@cache
def bytecode() -> dict[str, str]:
    """Return the creation code of everything that is deployed here, by name."""
    found = {name: f"0x{code.removeprefix('0x')}" for name, code in compiled("governors").items()}
    for name, path in ARTIFACTS.items():
        code = json.loads(path.read_text(encoding="utf-8"))["bytecode"]
        found[name] = f"0x{code.removeprefix('0x')}"
    return {**contract_bytecode(), **found}


def deployed(client: Client, kind: str, *, slug: str = "ruled") -> Ruled:
    """Return a freshly deployed DAO with a governor of ``kind``, a key of `KINDS`."""
    made = Ruled(
        client=client,
        accounts=[checksum(account) for account in client.call("eth_accounts")],
        first_block=client.head().number + 1,
        artifacts=bytecode(),
        slug=slug,
    )
    KINDS[kind](made)
    made.feed = made.deploy("PriceFeed", ("string", "address"), "ours", made.timelock or made.governor)
    made.foreign_feed = made.deploy("PriceFeed", ("string", "address"), "theirs", made.deployer)
    made.warp(10)  # voting power counts from the second after the delegation
    return made


def _token(made: Ruled, name: str) -> None:
    made.blocks = name == "BlockVotes"
    made.token = made.deploy(name, ("address", "uint256"), made.deployer, VOTES)
    for holder in made.holders[1:]:
        data = encode("transfer(address,uint256)", holder, VOTES // 10)
        made.send(made.deployer, Call(target=made.token, data=data))
    for holder in made.holders:
        made.send(holder, Call(target=made.token, data=encode("delegate(address)", holder)))


def _controlled(made: Ruled, governor: str, timelock: str, token: str) -> None:
    """Deploy a governor with OpenZeppelin's timelock."""
    _token(made, token)
    roles = ("uint256", "address[]", "address[]", "address")
    made.timelock = made.deploy(timelock, roles, WAIT, [], [], made.deployer)
    types = ("address", "address", "uint256", "uint256")
    made.governor = made.deploy(governor, types, made.token, made.timelock, made.delay, made.period)
    for role in (b"PROPOSER_ROLE", b"CANCELLER_ROLE", b"EXECUTOR_ROLE"):
        grant = encode("grantRole(bytes32,address)", keccak(role), made.governor)
        made.send(made.deployer, Call(target=made.timelock, data=grant))


def _next_address(made: Ruled, skip: int) -> str:
    nonce = int(made.client.call("eth_getTransactionCount", [made.deployer, "latest"]), 16)
    return created_address(made.deployer, nonce + skip)


def _compound(made: Ruled, governor: str, token: str) -> None:
    """Deploy a governor with Compound's timelock, which it administers."""
    _token(made, token)
    admin = _next_address(made, 1)
    made.timelock = made.deploy("CompoundTimelock", ("address", "uint256"), admin, WAIT)
    types = ("address", "address", "uint256", "uint256")
    made.governor = made.deploy(governor, types, made.token, made.timelock, made.delay, made.period)
    assert made.governor == admin


def _plain(made: Ruled) -> None:
    _token(made, "BlockVotes")
    made.wait = 0
    made.governor = made.deploy("Plain4", ("address", "uint256", "uint256"), made.token, made.delay, made.period)


def _bravo(made: Ruled) -> None:
    """Deploy Venus' first Governor Bravo behind its proxy."""
    made.flavour, made.blocks, made.delay, made.period = "bravo", True, 1, 3600
    made.token = made.deploy("PriorVotes")
    for holder in made.accounts[:HOLDERS]:
        data = encode("set(address,uint96)", holder, 700_000 * 10**18)
        made.send(made.deployer, Call(target=made.token, data=data))
    delegate = made.deploy("BravoDelegate")
    admin = _next_address(made, 1)
    made.timelock = made.deploy("CompoundTimelock", ("address", "uint256"), admin, WAIT)
    types = ("address", "address", "address", "address", "uint256", "uint256", "uint256", "address")
    values = (made.timelock, made.token, made.deployer, delegate, made.period, made.delay, 200_000 * 10**18)
    made.governor = made.deploy("BravoDelegator", types, *values, made.accounts[9])
    assert made.governor == admin
    # It accepts the timelock, which is its already, so that has to be offered once more.
    predecessor = made.deploy("Predecessor")
    made.send_as(made.timelock, Call(target=made.timelock, data=encode("setPendingAdmin(address)", made.governor)))
    made.send(made.deployer, Call(target=made.governor, data=encode("_initiate(address)", predecessor)))
    made.period = 60  # it takes no vote of less than 3,600 blocks by itself
    made.client.call("anvil_setStorageAt", [made.governor, hex(_PERIOD_SLOT), f"0x{made.period:064x}"])
    said = made.client.eth_call(Call(target=made.governor, data=encode("votingPeriod()")))
    assert int.from_bytes(said) == made.period


KINDS = {
    "oz 5, fractional, numbered, stored": lambda made: _controlled(
        made, "Fractional5", "TimelockController", "VotesToken"
    ),
    "oz 5, Compound's timelock": lambda made: _compound(made, "Compound5", "BlockVotes"),
    "oz 4.9, control": lambda made: _controlled(made, "Control4", "TimelockController4", "VotesToken"),
    "oz 4.9, Compound's timelock": lambda made: _compound(made, "Compound4", "BlockVotes"),
    "oz 4.9, no timelock": _plain,
    "bravo": _bravo,
}
