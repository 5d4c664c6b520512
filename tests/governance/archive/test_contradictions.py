"""Logs that contradict each other or what their contract was read to say, and which of several words counts."""

from __future__ import annotations

import random

import pytest

from governance.domain.lifecycle import AaveState, PayloadState
from tests.archives import CONTROLLERS, CORE, DAY, Paper
from tests.governance.archive.test_replay import executed, only, replayed


@pytest.fixture
def folder(tmp_path_factory):
    return lambda: tmp_path_factory.mktemp("archive")


@pytest.mark.parametrize("dumps", [False, True])
def test_two_ends_are_a_difference_and_no_state(folder, dumps):
    made = executed()
    made.emit(CONTROLLERS[0], "PayloadCancelled", payloadId=0)
    made.emit(CORE, "ProposalCanceled", proposalId=0)
    found = replayed(made.save(folder(), dumps=dumps))
    assert (found.proposals[0].state, found.payloads[0].state) == (None, None)
    assert "exclude each other" in found.payloads[0].reason
    assert {(entry["kind"], entry["field"]) for entry in found.differences} >= {
        ("proposal", "state"),
        ("payload", "state"),
    }


def test_a_result_that_is_both_is_a_difference(folder):
    made = executed()
    made.emit(CORE, "ProposalFailed", proposalId=0, votesFor=1, votesAgainst=2)
    found = replayed(made.save(folder(), dumps=False))
    assert found.proposals[0].state is None
    assert ["ProposalQueued", "ProposalFailed"] in [entry["logs"] for entry in found.differences]


def test_an_event_that_is_there_twice_is_a_difference(folder):
    made = executed()
    made.emit(CONTROLLERS[0], "PayloadExecuted", payloadId=0)
    found = replayed(made.save(folder(), dumps=False))
    assert [(entry["field"], entry["logs"]) for entry in found.differences] == [("PayloadExecuted", "2 logs")]


def test_a_voter_who_votes_twice_is_a_difference(folder):
    made = executed()
    vote = next(log for log in made.logs if log["eventName"] == "VoteEmitted")
    made.logs.append(vote | {"transactionHash": f"0x{7:064x}"})
    found = replayed(made.save(folder(), dumps=False))
    count = found.votings[0].votes
    told = [(entry["logs"], entry["dump"]) for entry in found.differences if entry["field"] == "voters"]
    assert told == [(count, count - 1)]


def test_a_time_outside_its_bounds_is_a_difference(folder):
    made = executed()
    made.create_payload(CONTROLLERS[0])
    made.payloads[CONTROLLERS[0]][0]["queuedAt"] += 30 * DAY
    timeless = [
        {key: value for key, value in log.items() if key != "blockTimestamp" or log["eventName"] != "PayloadQueued"}
        for log in made.logs
    ]
    found = replayed(made.save(folder(), logs=timeless))
    wrong = [entry for entry in found.differences if entry["field"] == "queuedAt"]
    assert [(entry["id"], entry["dump"]) for entry in wrong] == [(0, made.payloads[CONTROLLERS[0]][0]["queuedAt"])]
    assert wrong[0]["logs"][0] < wrong[0]["logs"][1] < wrong[0]["dump"]


@pytest.mark.parametrize("higher", [0, 1])
def test_a_transaction_in_two_blocks_counts_once_and_is_a_difference(folder, higher):
    made = executed()
    plain = replayed(made.save(folder(), dumps=False))
    vote = next(log for log in made.logs if log["eventName"] == "VoteEmitted")
    orphan = vote | {"logIndex": vote["logIndex"] + 1, "blockHash": f"0x{5:064x}", "blockTimestamp": None}
    orphan["blockNumber"] = str(int(vote["blockNumber"]) + (1 if higher else -1))
    found = replayed(made.save(folder(), logs=[orphan, *made.logs], dumps=False))
    assert [(vote.votes, vote.cast) for vote in found.votings] == [(vote.votes, vote.cast) for vote in plain.votings]
    assert [entry["field"] for entry in found.differences] == [f"transaction {vote['transactionHash']}"]


@pytest.mark.parametrize(("name", "value"), [("blockHash", f"0x{5:064x}"), ("blockTimestamp", hex(1_800_000_000))])
def test_a_block_that_is_told_in_two_ways_is_a_difference(folder, name, value):
    made = executed()
    made.create_payload(CONTROLLERS[1])
    made.create_payload(CONTROLLERS[1])
    made.logs[-1] |= {name: value}
    found = replayed(made.save(folder(), dumps=False))
    field = "blockHash" if name == "blockHash" else "timestamp"
    assert [(entry["field"], len(entry["logs"])) for entry in found.differences] == [(field, 2)]


def test_a_vote_without_a_result_is_compared_with_nothing(folder):
    made = executed()
    found = replayed(made.save(folder(), logs=only(made, "ProposalResultsSent", "ProposalQueued"), dumps=False))
    assert found.votings[0].as_dict()["equal"] is None


def test_a_payload_has_the_grace_that_its_contract_names(folder):
    made = executed()
    contract = CONTROLLERS[0]
    number = made.create_payload(contract)
    made.change_payload(contract, number, "PayloadQueued", 2, "queuedAt")
    made.payloads[contract][number]["gracePeriod"] = 30 * DAY
    made.wait(20 * DAY)
    made.create_payload(contract)
    dumps = made.dumps()
    dumps[f"{contract[0]}/payloads/{contract[1]}.json"][str(number)]["state"] = 2
    made.dumps = lambda: dumps
    found = replayed(made.save(folder()))
    assert found.differences == ()
    assert found.payloads[number].state is PayloadState.QUEUED


def test_a_proposal_that_expires_early_does_not_age_the_others(folder):
    made = Paper(random.Random(1))
    opened, never = made.create_proposal([(CONTROLLERS[0], 0)]), made.create_proposal([(CONTROLLERS[0], 0)])
    born = made.now
    made.vote(opened)
    made.now = born + 28 * DAY  # a vote of three days would end too late, but one that was opened has two days left
    found = replayed(made.save(folder()))
    assert [found.proposals[at].state for at in (opened, never)] == [AaveState.ACTIVE, AaveState.EXPIRED]
    assert found.differences == ()


def test_a_reading_that_the_times_rule_out_is_a_difference_and_no_missing_log(folder):
    made = executed()
    contract = CONTROLLERS[0]
    number = made.create_payload(contract)
    made.change_payload(contract, number, "PayloadQueued", 2, "queuedAt")
    made.wait(20 * DAY)
    made.create_payload(contract)
    dumps = made.dumps()
    dumps[f"{contract[0]}/payloads/{contract[1]}.json"][str(number)]["state"] = 2
    made.dumps = lambda: dumps
    found = replayed(made.save(folder()))
    assert [(entry["id"], entry["logs"], entry["dump"]) for entry in found.differences] == [(number, [5], 2)]


def test_a_contradiction_between_log_and_contract_is_a_difference(folder):
    made = executed()
    made.proposals[0]["forVotes"] = "1"
    made.payloads[CONTROLLERS[0]][0]["state"] = 1
    found = replayed(made.save(folder()))
    assert sorted((entry["kind"], entry["field"]) for entry in found.differences) == [
        ("payload", "state"),
        ("proposal", "forVotes"),
    ]


def test_blocks_that_run_backwards_are_a_difference(folder):
    made = executed()
    made.logs[-1]["blockTimestamp"] = hex(1_000_000_000)
    assert "timestamp" in {entry["field"] for entry in replayed(made.save(folder(), dumps=False)).differences}


def test_delays_come_from_the_controllers_settings(folder):
    made = executed()
    contract = CONTROLLERS[0]
    made.emit(contract, "ExecutorSet", accessLevel=1, executor=CORE[1], delay=5 * DAY)
    number = made.create_payload(contract)
    made.wait(DAY)
    made.change_payload(contract, number, "PayloadQueued", 2, "queuedAt")
    made.wait(10 * DAY)
    made.create_payload(contract)
    found = replayed(made.save(folder(), dumps=False))
    payload = next(each for each in found.payloads if (each.contract, each.number) == (contract[1], number))
    assert (payload.state, payload.values.known["delay"]) == (PayloadState.QUEUED, 5 * DAY)


def test_of_several_delays_the_newest_before_a_payload_counts(folder):
    made = executed()
    contract = CONTROLLERS[0]
    numbers = []
    for delay in (2 * DAY, 5 * DAY, 9 * DAY):
        made.emit(contract, "ExecutorSet", accessLevel=1, executor=CORE[1], delay=delay)
        made.wait(60)
        numbers.append(made.create_payload(contract))
        made.wait(60)
    found = replayed(made.save(folder(), dumps=False))
    by_number = {each.number: each for each in found.payloads if each.contract == contract[1]}
    assert [by_number[number].values.known["delay"] for number in numbers] == [2 * DAY, 5 * DAY, 9 * DAY]
    assert by_number[0].values.known["delay"] is None  # nothing was said before it was created
