"""A DAO on a node of its own: a real governor, timelock and votes token, small enough to deploy for every test."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field, replace
from typing import Any

from governance.bundles import governor_of, register
from governance.chain.abi import checksum, encode, encode_args, keccak, selector, topic
from governance.chain.client import Client
from governance.chain.logs import collect
from governance.deployments import watch_governor
from governance.domain.action import Bundle, Call, Expectation
from governance.env import ROOT, env
from governance.lab import contracts
from governance.votes import index

DELAY, PERIOD, LATE, TIMELOCK = 3600, 86_400, 7200, 43_200  # seconds
HOLDERS = 5
VOTES = 10**24


@dataclass(kw_only=True)
class Dao:
    """The deployed contracts, and the verbs of their users."""

    client: Client
    accounts: list[str]
    first_block: int
    token: str = ""
    timelock: str = ""
    governor: str = ""
    feed: str = ""
    foreign_feed: str = ""
    artifacts: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def deployer(self) -> str:
        return self.accounts[0]

    @property
    def holders(self) -> list[str]:
        return self.accounts[:HOLDERS]

    def send(self, sender: str, call: Call) -> Any:
        request = {"from": sender, "to": call.target, "data": f"0x{call.data.hex()}", "gas": hex(8_000_000)}
        receipt = self.mined(self.client.call("eth_sendTransaction", [request]))
        assert receipt.ok, f"the call from {sender} reverted"
        return receipt

    def deploy(self, name: str, types: tuple[str, ...] = (), *args: object) -> str:
        data = self.artifacts[name] + encode_args(types, args).hex()
        request = {"from": self.deployer, "data": data, "gas": hex(8_000_000)}
        receipt = self.mined(self.client.call("eth_sendTransaction", [request]))
        assert receipt.ok
        return checksum(receipt.contract)

    def mined(self, tx_hash: str) -> Any:
        deadline = time.monotonic() + 10
        while (receipt := self.client.receipt(tx_hash)) is None:
            assert time.monotonic() < deadline, "not mined"
            time.sleep(0.005)
        return receipt

    def warp(self, seconds: int) -> None:
        self.client.call("evm_increaseTime", [seconds])
        self.client.call("evm_mine")

    def mine(self, blocks: int) -> None:
        self.client.call("anvil_mine", [hex(blocks)])

    def fund(self, address: str, wei: int = 10**19) -> None:
        self.client.call("anvil_setBalance", [address, hex(wei)])

    def bundle(self, price: int = 1234, *, feed: str = "", text: str = "") -> Bundle:
        """Return a bundle that pushes ``price`` to the timelock's feed, with what must hold afterwards."""
        target = feed or self.feed
        read = Call(target=target, data=encode("latestAnswer()"))
        rounds = Call(target=target, data=encode("latestRoundData()"))
        return Bundle(
            calls=(Call(target=target, data=encode("push(int128)", price)),),
            description=text or f"Set the price to {price} ({secrets.token_hex(4)})",
            expectations=(
                Expectation(call=read, word=0, before=0, after=price, label="price", unit="usd8"),
                Expectation(call=rounds, word=1, before=0, after=price, label="price of the last round", unit="usd8"),
            ),
        )

    def watch(self) -> Any:
        addresses = {"governor": self.governor, "timelock": self.timelock, "token": self.token}
        return watch_governor(
            client=self.client, flavour="oz", addresses=addresses, slug="dao", name="DAO", first_block=self.first_block
        )

    def propose(self, bundle: Bundle, *, deployment: Any, register_it: bool = True) -> int:
        if register_it:
            register(bundle, deployment=deployment, actor="steward")
        governor = governor_of(deployment)
        self.send(self.deployer, governor.propose(bundle))
        return governor.proposal_id(bundle)

    def vote(self, proposal_id: int, deployment: Any, supports: tuple[int, ...] = (1, 1, 1, 0, 2)) -> None:
        for holder, support in zip(self.holders, supports, strict=False):
            call = governor_of(deployment).vote(proposal_id=proposal_id, support=support, reason=f"vote {support}")
            self.send(holder, call)

    def vote_as(self, holder: int, support: int, proposal_id: int, deployment: Any) -> None:
        """Cast one holder's vote."""
        self.send(
            self.holders[holder], governor_of(deployment).vote(proposal_id=proposal_id, support=support, reason="")
        )

    def pass_vote(self, bundle: Bundle, deployment: Any, *, register_it: bool = True) -> int:
        """Propose, vote for and end the vote; the proposal has succeeded then."""
        proposal_id = self.propose(bundle, deployment=deployment, register_it=register_it)
        self.warp(DELAY + 1)
        self.vote(proposal_id, deployment)
        self.warp(PERIOD + 1)
        return proposal_id

    def refresh(self, deployment: Any) -> Any:
        collect(self.client, deployment, to_block=self.client.head().number)
        return index(deployment, client=self.client)

    def cancel_in_timelock(self) -> None:
        """Cancel everything that is queued, as the timelock's canceller, without the governor's knowledge."""
        event = f"0x{topic('CallScheduled(bytes32,uint256,address,uint256,bytes,bytes32,uint256)').hex()}"
        asked = {"fromBlock": hex(self.first_block), "toBlock": "latest", "address": self.timelock, "topics": [event]}
        for log in self.client.call("eth_getLogs", [asked]):
            data = encode("cancel(bytes32)", bytes.fromhex(log["topics"][1][2:]))
            self.send_as(self.governor, Call(target=self.timelock, data=data))

    def send_as(self, contract: str, call: Call) -> None:
        """Send ``call`` from a contract's address."""
        self.fund(contract)
        self.client.call("anvil_impersonateAccount", [contract])
        self.send(contract, call)
        self.client.call("anvil_stopImpersonatingAccount", [contract])

    def cancel(self, bundle: Bundle, deployment: Any) -> None:
        """Cancel a pending proposal as its proposer."""
        signature = "cancel(address[],uint256[],bytes[],bytes32)"
        arguments = governor_of(deployment).queue(bundle).data[4:]
        self.send(self.deployer, Call(target=self.governor, data=selector(signature) + arguments))

    def with_wrong_expectations(self, bundle: Bundle) -> Bundle:
        """Return ``bundle`` with two expectations that its calls do not fulfil."""
        read = bundle.expectations[0].call
        wrong = (
            Expectation(call=read, word=0, before=0, after=6, label="price, wrongly", unit="usd8"),
            Expectation(call=read, word=1, before=0, after=0, label="a word beyond the answer", unit="usd8"),
        )
        return replace(bundle, expectations=(*bundle.expectations, *wrong))

    def events(self, signature: str) -> list[Any]:
        """Return the governor's logs of one event."""
        first = f"0x{topic(signature).hex()}"
        asked = {"fromBlock": hex(self.first_block), "toBlock": "latest", "address": self.governor, "topics": [first]}
        found: list[Any] = self.client.call("eth_getLogs", [asked])
        return found

    def let_timelock_publish(self, feed: str) -> None:
        """Put the code of a feed that the timelock publishes where ``feed`` is."""
        code = self.client.call("eth_getCode", [self.feed, "latest"])
        self.client.call("anvil_setCode", [feed, code])

    def spend_nonce(self, account: Any) -> None:
        """Use the next nonce of a key for something else."""
        nonce = int(self.client.call("eth_getTransactionCount", [account.address, "latest"]), 16)
        fields = {"chainId": 31337, "nonce": nonce, "to": self.deployer, "value": 1, "gas": 21_000}
        signed = account.sign_transaction({**fields, "gasPrice": 10**11})
        self.mined(self.client.send_raw(bytes(signed.raw_transaction)))

    def price(self, feed: str = "") -> int:
        answer = self.client.eth_call(Call(target=feed or self.feed, data=encode("latestAnswer()")))
        return int.from_bytes(answer)


def contract_bytecode() -> dict[str, str]:
    """Return the creation code of the contracts by name."""
    found = contracts.load(modules=ROOT / "node_modules", cache=env().breakwater_data / "contracts")
    ours = {name: f"0x{artifact.bytecode}" for name, artifact in found.ours.items()}
    return {**ours, "TimelockController": f"0x{found.openzeppelin('TimelockController').bytecode}"}


def deployed(client: Client) -> Dao:
    """Return a freshly deployed DAO, whose holders have delegated their votes to themselves."""
    made = Dao(
        client=client,
        accounts=[checksum(account) for account in client.call("eth_accounts")],
        first_block=client.head().number + 1,
        artifacts=contract_bytecode(),
    )
    made.token = made.deploy("VotesToken", ("address", "uint256"), made.deployer, VOTES)
    roles = ("uint256", "address[]", "address[]", "address")
    made.timelock = made.deploy("TimelockController", roles, TIMELOCK, [], [], made.deployer)
    made.governor = made.deploy(
        "GovernorDAO",
        ("address", "address", "uint48", "uint32", "uint256", "uint256", "uint48"),
        *(made.token, made.timelock, DELAY, PERIOD, VOTES // 100, 4, LATE),
    )
    for role in (b"PROPOSER_ROLE", b"CANCELLER_ROLE", b"EXECUTOR_ROLE"):
        grant = encode("grantRole(bytes32,address)", keccak(role), made.governor)
        made.send(made.deployer, Call(target=made.timelock, data=grant))
    for holder in made.holders[1:]:
        data = encode("transfer(address,uint256)", holder, VOTES // 10)
        made.send(made.deployer, Call(target=made.token, data=data))
    for holder in made.holders:
        made.send(holder, Call(target=made.token, data=encode("delegate(address)", holder)))
    made.feed = made.deploy("PriceFeed", ("string", "address"), "ours", made.timelock)
    made.foreign_feed = made.deploy("PriceFeed", ("string", "address"), "theirs", made.deployer)
    made.warp(10)  # voting power counts from the second after the delegation
    return made
