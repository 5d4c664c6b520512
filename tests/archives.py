"""A small Aave governance that lives on paper: it emits the logs of a real one, and can be asked its state."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from governance.archive.signatures import ACTION, EVENTS
from governance.chain.abi import checksum

DAY = 86_400
CORE = (1, checksum("0x" + "c0" * 20))
MACHINES = ((1, checksum("0x" + "a1" * 20)), (137, checksum("0x" + "a2" * 20)))
CONTROLLERS = ((1, checksum("0x" + "d1" * 20)), (10, checksum("0x" + "d2" * 20)))
PORTALS = (checksum("0x" + "e1" * 20), checksum("0x" + "e2" * 20))
CREATOR = checksum("0x" + "f1" * 20)
GENESIS = 1_700_000_000
BLOCK_SECONDS = {1: 12, 10: 2, 137: 2}


@dataclass
class Paper:
    """The governance, its chains' logs, and its clock."""

    random: random.Random
    now: int = GENESIS + 1000 * DAY
    logs: list[dict[str, Any]] = field(default_factory=list)
    proposals: list[dict[str, Any]] = field(default_factory=list)
    payloads: dict[tuple[int, str], list[dict[str, Any]]] = field(default_factory=lambda: {c: [] for c in CONTROLLERS})
    count: int = 0

    def emit(self, contract: tuple[int, str], name: str, **args: Any) -> None:
        chain, address = contract
        event = EVENTS[name]
        topics, data = event.encode(args)
        self.count += 1
        tx = hashlib.sha256(str(self.count).encode()).hexdigest()
        block = (self.now - GENESIS) // BLOCK_SECONDS[chain] + 1
        self.logs.append(
            {
                "eventName": name,
                "args": {key: shown(key, value) for key, value in args.items()},
                "address": address.lower(),
                "topics": [f"0x{topic.hex()}" for topic in topics],
                "data": f"0x{data.hex()}",
                "blockNumber": str(block),
                "blockTimestamp": hex(self.now),
                "transactionHash": f"0x{tx}",
                "logIndex": self.count % 300,
                "blockHash": f"0x{block:064x}",
                "removed": False,
                "_chain": chain,
            }
        )

    def wait(self, seconds: int) -> None:
        self.now += seconds - seconds % 12  # so that every chain has a block at every moment

    def create_payload(self, contract: tuple[int, str]) -> int:
        made = self.payloads[contract]
        action = (checksum("0x" + "ab" * 20), True, 1, 0, "execute()", b"")
        made.append(
            {
                "creator": CREATOR,
                "maximumAccessLevelRequired": 1,
                "state": 1,
                "createdAt": self.now,
                "queuedAt": 0,
                "executedAt": 0,
                "cancelledAt": 0,
                "expirationTime": self.now + 35 * DAY,
                "delay": DAY,
                "gracePeriod": 7 * DAY,
                "actions": shown("actions", [action]),
                "id": len(made),
                "chainId": contract[0],
                "payloadsController": contract[1],
            }
        )
        args = {"payloadId": len(made) - 1, "creator": CREATOR, "maximumAccessLevelRequired": 1}
        self.emit(contract, "PayloadCreated", **args, actions=[action])
        return len(made) - 1

    def change_payload(self, contract: tuple[int, str], number: int, name: str, state: int, stamp: str) -> None:
        self.payloads[contract][number] |= {"state": state, stamp: self.now}
        self.emit(contract, name, payloadId=number)

    def create_proposal(self, payloads: list[tuple[tuple[int, str], int]]) -> int:
        number, portal = len(self.proposals), self.random.randrange(2)
        ipfs = hashlib.sha256(f"ipfs {number}".encode()).digest()
        self.proposals.append(
            {
                "state": 1,
                "accessLevel": 1,
                "creationTime": self.now,
                "votingDuration": 0,
                "votingActivationTime": 0,
                "queuingTime": 0,
                "cancelTimestamp": 0,
                "creator": CREATOR,
                "votingPortal": PORTALS[portal],
                "snapshotBlockHash": f"0x{bytes(32).hex()}",
                "ipfsHash": f"0x{ipfs.hex()}",
                "forVotes": "0",
                "againstVotes": "0",
                "cancellationFee": "0",
                "payloads": [
                    {"chain": str(contract[0]), "accessLevel": 1, "payloadsController": contract[1], "payloadId": each}
                    for contract, each in payloads
                ],
            }
        )
        self.emit(CORE, "ProposalCreated", proposalId=number, creator=CREATOR, accessLevel=1, ipfsHash=ipfs)
        return number

    def vote(self, number: int) -> tuple[int, int]:
        """Open the vote, cast votes, and send the result to the core."""
        record, machine = self.proposals[number], MACHINES[PORTALS.index(self.proposals[number]["votingPortal"])]
        block = hashlib.sha256(f"block {number}".encode()).digest()
        record |= {"state": 2, "votingActivationTime": self.now, "votingDuration": 3 * DAY}
        record["snapshotBlockHash"] = f"0x{block.hex()}"
        self.emit(CORE, "VotingActivated", proposalId=number, snapshotBlockHash=block, votingDuration=3 * DAY)
        self.wait(600)
        args = {"proposalId": number, "blockHash": block, "votingDuration": 3 * DAY, "voteCreated": False}
        self.emit(machine, "ProposalVoteConfigurationBridged", **args)
        started = {"startTime": self.now, "endTime": self.now + 3 * DAY}
        self.emit(machine, "ProposalVoteStarted", proposalId=number, l1BlockHash=block, **started)
        tally = [0, 0]
        for voter in range(self.random.randint(1, 4)):
            self.wait(3600)
            support, power = self.random.random() < 0.8, self.random.randrange(1, 10**24)
            tally[0 if support else 1] += power
            who = checksum(f"0x{voter + 1:040x}")
            self.emit(machine, "VoteEmitted", proposalId=number, voter=who, support=support, votingPower=power)
        self.wait(3 * DAY)
        self.emit(machine, "ProposalResultsSent", proposalId=number, forVotes=tally[0], againstVotes=tally[1])
        self.wait(1200)
        return tally[0], tally[1]

    def close(self, number: int, tally: tuple[int, int]) -> bool:
        record, passed = self.proposals[number], tally[0] > tally[1]
        record |= {"forVotes": str(tally[0]), "againstVotes": str(tally[1]), "state": 3 if passed else 5}
        record |= {"queuingTime": self.now} if passed else {}
        name = "ProposalQueued" if passed else "ProposalFailed"
        self.emit(CORE, name, proposalId=number, votesFor=tally[0], votesAgainst=tally[1])
        return passed

    def cancel(self, number: int) -> None:
        self.proposals[number] |= {"state": 6, "cancelTimestamp": self.now}
        self.emit(CORE, "ProposalCanceled", proposalId=number)

    def execute(self, number: int) -> None:
        record = self.proposals[number]
        record["state"] = 4
        for place, each in enumerate(record["payloads"]):
            self.emit(
                CORE,
                "PayloadSent",
                proposalId=number,
                payloadId=each["payloadId"],
                payloadsController=each["payloadsController"],
                chainId=int(each["chain"]),
                payloadNumberOnProposal=place,
                numberOfPayloadsOnProposal=len(record["payloads"]),
            )
        self.emit(CORE, "ProposalExecuted", proposalId=number)

    def live(self) -> None:
        """Let one proposal with its payloads live for as long as chance wants."""
        made = [(contract, self.create_payload(contract)) for contract in CONTROLLERS if self.random.random() < 0.8]
        self.wait(DAY)
        if not made:
            return
        number = self.create_proposal(made)
        self.wait(self.random.choice([DAY, 2 * DAY]))
        fate = self.random.random()
        if fate < 0.1:
            return
        if fate < 0.2:
            self.cancel(number)
            return
        if not self.close(number, self.vote(number)):
            return
        self.wait(DAY)
        self.execute(number)
        self.wait(1800)
        for contract, payload in made:
            self.arrive(contract, payload)

    def arrive(self, contract: tuple[int, str], payload: int) -> None:
        self.change_payload(contract, payload, "PayloadQueued", 2, "queuedAt")
        self.wait(DAY + 60)
        fate = self.random.random()
        if fate < 0.7:
            self.change_payload(contract, payload, "PayloadExecuted", 3, "executedAt")
        elif fate < 0.85:
            self.change_payload(contract, payload, "PayloadCancelled", 4, "cancelledAt")

    def dumps(self) -> dict[str, dict[str, Any]]:
        """Return what each contract says now, by file."""
        made = {
            f"{CORE[0]}/proposals/{CORE[1]}.json": {str(at): self.proposal(at) for at in range(len(self.proposals))}
        }
        for contract, payloads in self.payloads.items():
            records = {str(at): self.payload(contract, at) for at in range(len(payloads))}
            made[f"{contract[0]}/payloads/{contract[1]}.json"] = records
        return made

    def proposal(self, number: int) -> dict[str, Any]:
        record = self.proposals[number]
        ends = record["creationTime"] + 30 * DAY
        late = self.now > ends or (record["state"] == 1 and self.now + 3 * DAY > ends)
        return {**record, "state": 7} if record["state"] < 4 and late else dict(record)

    def payload(self, contract: tuple[int, str], number: int) -> dict[str, Any]:
        record = self.payloads[contract][number]
        ends = {1: record["expirationTime"], 2: record["queuedAt"] + 8 * DAY}.get(record["state"], self.now + 1)
        return {**record, "state": 5} if self.now >= ends else dict(record)

    def save(self, folder: Path, *, logs: list[dict[str, Any]] | None = None, dumps: bool = True) -> Path:
        """Write the archive that an indexer would have made."""
        files: dict[str, Any] = self.dumps() if dumps else {}
        for log in self.logs if logs is None else logs:
            name = f"{log['_chain']}/events/{checksum(log['address'])}.json"
            files.setdefault(name, []).append({key: value for key, value in log.items() if key != "_chain"})
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(json.dumps(content), encoding="utf-8")
        return folder


def paper(seed: int, *, proposals: int = 5) -> Paper:
    """Return a governance that chance let live."""
    made = Paper(random.Random(seed))
    for _ in range(proposals):
        made.live()
        made.wait(made.random.choice([DAY, 9 * DAY, 36 * DAY]))
    return made


def shown(name: str, value: Any) -> Any:
    """Return an argument as an indexer writes it down."""
    if name == "actions":
        return [{part: shown(part, inner) for part, inner in zip(ACTION, action, strict=True)} for action in value]
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, bool):
        return value
    small = {"payloadId", "accessLevel", "votingDuration", "maximumAccessLevelRequired"}
    return str(value) if isinstance(value, int) and name not in small else value
