"""The replay of archived governance: right where the logs allow it, silent where they do not."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.archive import files
from governance.archive.entries import first_seen
from governance.archive.replay import Replay, replay
from governance.domain.lifecycle import AAVE_PROPOSAL, PAYLOAD, AaveState, PayloadState
from tests.archives import CONTROLLERS, CORE, DAY, Paper, paper

SEEDS = st.integers(0, 10_000)


def replayed(folder: Path) -> Replay:
    found = [files.read(path, folder=folder) for path in files.paths(folder)]
    readings = {
        kind: {(made.chain_id, made.contract): made.records for made in found if made.kind == kind}
        for kind in (files.PROPOSALS, files.PAYLOADS)
    }
    logs = first_seen([log for made in found for log in made.logs]).values()
    return replay(logs, proposal_readings=readings["proposals"], payload_readings=readings["payloads"])


def states(found: Replay) -> dict[object, object]:
    told = found.as_dict()
    made = {("proposal", number): entry["state"] for number, entry in told["proposals"].items()}
    for chain, controllers in told["payloads"].items():
        for contract, entries in controllers.items():
            made |= {(chain, contract, number): entry["state"] for number, entry in entries.items()}
    return made


def truth(made: Paper) -> dict[object, object]:
    found: dict[object, object] = {
        ("proposal", str(at)): made.proposal(at)["state"] for at in range(len(made.proposals))
    }
    for contract, payloads in made.payloads.items():
        for at in range(len(payloads)):
            found[str(contract[0]), contract[1], str(at)] = made.payload(contract, at)["state"]
    return found


@pytest.fixture
def folder(tmp_path_factory):
    return lambda: tmp_path_factory.mktemp("archive")


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_complete_logs_give_the_contracts_states_fields_and_tallies(tmp_path_factory, seed):
    made = paper(seed)
    found = replayed(made.save(tmp_path_factory.mktemp("archive")))
    assert states(found) == truth(made)
    assert (found.differences, found.gaps) == ((), ())
    assert all(vote.equal for vote in found.votings)
    told = found.as_dict()
    assert told["compared"]["proposals"] == len(made.proposals)
    assert told["compared"]["times_within_bounds"] == 0
    assert all(
        not set(entry.get("fromDump", ())) - {"votingPortal", "cancellationFee", "payloads"}
        for entry in told["proposals"].values()
    )


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_shuffled_doubled_and_differently_written_logs_give_the_same(tmp_path_factory, seed):
    made, chance = paper(seed), random.Random(seed)
    plain = replayed(made.save(tmp_path_factory.mktemp("archive"))).as_dict()
    logs = [*made.logs, *(rewritten(log, chance) for log in made.logs if chance.random() < 0.6)]
    chance.shuffle(logs)
    assert replayed(made.save(tmp_path_factory.mktemp("archive"), logs=logs)).as_dict() == plain


def rewritten(log, chance):
    """Return the same log as another indexer would write it down."""
    forms = [
        lambda entry: entry | {"blockTimestamp": str(int(entry["blockTimestamp"], 16))},
        lambda entry: entry | {"blockTimestamp": int(entry["blockTimestamp"], 16), "logIndex": hex(entry["logIndex"])},
        lambda entry: {key: value for key, value in entry.items() if key not in {"blockTimestamp", "blockHash"}},
        lambda entry: {key: value for key, value in entry.items() if key not in {"topics", "data"}},
        lambda entry: {key: value for key, value in entry.items() if key not in {"args", "eventName", "removed"}},
        lambda entry: (
            entry
            | {"blockNumber": hex(int(entry["blockNumber"])), "address": entry["address"].upper().replace("X", "x")}
        ),
        lambda entry: (
            entry
            | {
                "transactionHash": entry["transactionHash"].upper().replace("X", "x"),
                "blockNumber": int(entry["blockNumber"]),
            }
        ),
    ]
    return chance.choice(forms)(dict(log))


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, data=st.data())
def test_whatever_logs_are_missing_no_state_is_wrong_and_what_is_missing_is_named(tmp_path_factory, seed, data):
    made = paper(seed)
    lost = data.draw(st.sets(st.integers(0, max(0, len(made.logs) - 1)), max_size=6))
    kept = [log for at, log in enumerate(made.logs) if at not in lost]
    if not kept:
        return
    found = replayed(made.save(tmp_path_factory.mktemp("archive"), logs=kept))
    right = truth(made)
    for key, state in states(found).items():
        assert state in {right[key], "unknown"}
    assert found.differences == ()
    unknown = [each for each in (*found.proposals, *found.payloads) if each.state is None]
    assert all(each.reason and (each.gaps or "leave open" in each.reason) for each in unknown)


def test_a_payload_that_expired_after_a_queueing_that_is_missing_is_unknown(tmp_path_factory):
    """The logs alone leave it created; the contract says when it was queued, and that it has expired since."""
    made = paper(289)
    kept = [log for log in made.logs if log["eventName"] != "PayloadQueued"]
    found = replayed(made.save(tmp_path_factory.mktemp("archive"), logs=kept))
    said = [each for each in found.payloads if each.reason == "its log PayloadQueued is missing"]
    real = truth(made)
    expired = [each for each in said if real[str(each.chain), each.contract, str(each.number)] == PayloadState.EXPIRED]
    assert expired
    assert all(each.state is None for each in said)
    assert found.differences == ()


OPEN = {("proposal", 1), ("proposal", 2), ("proposal", 3), ("payload", 1), ("payload", 2)}


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS, data=st.data())
def test_whatever_logs_are_missing_without_readings_no_end_is_invented(tmp_path_factory, seed, data):
    """Nothing is called ended without a log that ends it, but for what nobody ever acted upon."""
    made = paper(seed)
    lost = data.draw(st.sets(st.integers(0, max(0, len(made.logs) - 1)), max_size=6))
    kept = [log for at, log in enumerate(made.logs) if at not in lost]
    if not kept:
        return
    found = replayed(made.save(tmp_path_factory.mktemp("archive"), logs=kept, dumps=False))
    right = truth(made)
    for each in (*found.proposals, *found.payloads):
        key = str(each.number)
        proposal = each.kind == "proposal"
        real = right["proposal", key] if proposal else right[str(each.chain), each.contract, key]
        if each.state is None:
            assert each.reason
            assert each.gaps or "leave open" in each.reason
        elif each.state != real and (each.kind, int(each.state)) not in OPEN:
            lives = found.history.proposals if proposal else found.history.controllers[each.chain, each.contract]
            assert each.state.name == "EXPIRED"
            assert set(lives[each.number]) == {"ProposalCreated" if proposal else "PayloadCreated"}
            assert lost
    assert found.differences == ()


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, data=st.data())
def test_without_times_and_without_readings_what_is_told_is_true(tmp_path_factory, seed, data):
    made = paper(seed)
    kept = [
        log if data.draw(st.booleans()) else {key: value for key, value in log.items() if key != "blockTimestamp"}
        for log in made.logs
    ]
    # The newest log tells its time, so that the archive is known to reach to now.
    made.create_payload(CONTROLLERS[0])
    found = replayed(made.save(tmp_path_factory.mktemp("archive"), logs=[*kept, made.logs[-1]], dumps=False))
    right = truth(made)
    for key, state in states(found).items():
        assert state in {right[key], "unknown"}
    for each in found.payloads:
        record = made.payloads[each.chain, each.contract][each.number]
        for name, (low, high) in each.values.bounds.items():
            assert low <= record[name] <= high


def test_the_state_machines_number_their_states_as_the_contracts_do():
    assert [state.name for state in AaveState] == list(AAVE_PROPOSAL.states)
    assert [state.name for state in PayloadState] == list(PAYLOAD.states)
    assert {"EXECUTED", "FAILED", "CANCELLED", "EXPIRED"} == AAVE_PROPOSAL.final
    assert not PAYLOAD.allows("CREATED", "EXECUTED")


def only(made: Paper, *names: str) -> list[dict]:
    return [log for log in made.logs if log["eventName"] not in names]


def gaps(found: Replay) -> list[tuple]:
    return [(gap.kind, gap.event, gap.id) for gap in found.gaps]


def executed(seed: int = 0) -> Paper:
    """Return a governance with one executed proposal of two payloads."""
    made = Paper(random.Random(seed))
    payloads = [(contract, made.create_payload(contract)) for contract in CONTROLLERS]
    made.wait(DAY)
    number = made.create_proposal(payloads)
    made.wait(DAY)
    for_votes, against = made.vote(number)
    made.close(number, (for_votes + against, 0)) if for_votes <= against else made.close(number, (for_votes, against))
    made.wait(DAY)
    made.execute(number)
    for contract, payload in payloads:
        made.wait(DAY + 60)
        made.change_payload(contract, payload, "PayloadQueued", 2, "queuedAt")
        made.wait(DAY + 60)
        made.change_payload(contract, payload, "PayloadExecuted", 3, "executedAt")
    return made


def test_a_log_that_later_ones_imply_is_a_gap_and_the_state_stays_certain(folder):
    made = executed()
    found = replayed(made.save(folder(), logs=only(made, "PayloadQueued", "ProposalVoteConfigurationBridged")))
    assert sorted({(kind, event) for kind, event, _ in gaps(found)}) == [
        ("missing-log", "PayloadQueued"),
        ("missing-log", "ProposalVoteConfigurationBridged"),
    ]
    assert [each.state for each in found.payloads] == [PayloadState.EXECUTED] * 2
    assert all("queuedAt" in each.values.from_dump for each in found.payloads)


def test_a_lost_outcome_leaves_the_state_unknown(folder):
    made = executed()
    made.wait(40 * DAY)
    made.create_payload(CONTROLLERS[1])
    logs = only(made, "ProposalQueued", "ProposalExecuted", "PayloadSent", "PayloadQueued", "PayloadExecuted")
    bare = replayed(made.save(folder(), logs=logs, dumps=False))
    assert bare.proposals[0].state is None
    assert "no log says how it ended" in bare.proposals[0].reason
    assert ("undecided", "ProposalCanceled or ProposalFailed or ProposalQueued", 0) in gaps(bare)
    read = replayed(made.save(folder(), logs=logs))
    assert read.proposals[0].state is None
    assert read.proposals[0].reason == "its log ProposalExecuted is missing"
    assert ("missing-log", "ProposalExecuted", 0) in gaps(read)


def test_a_queued_proposal_whose_execution_is_not_there_is_not_called_expired(folder):
    made = executed()
    made.wait(40 * DAY)
    made.create_payload(CONTROLLERS[1])
    bare = replayed(made.save(folder(), logs=only(made, "ProposalExecuted", "PayloadSent"), dumps=False))
    assert bare.proposals[0].state is None
    assert "no log says that it was executed" in bare.proposals[0].reason
    assert ("undecided", "ProposalCanceled or ProposalExecuted", 0) in gaps(bare)
    assert bare.proposals[0].as_dict()["cancelTimestamp"] is None


def test_a_queued_payload_whose_execution_is_not_there_is_not_called_expired(folder):
    made = executed()
    made.wait(40 * DAY)
    made.create_payload(CONTROLLERS[0])
    bare = replayed(made.save(folder(), logs=only(made, "PayloadExecuted"), dumps=False))
    assert [each.state for each in bare.payloads] == [None, PayloadState.CREATED, None]
    assert ("undecided", "PayloadCancelled or PayloadExecuted", 0) in gaps(bare)
    assert bare.payloads[0].as_dict()["executedAt"] is None


def test_votes_prove_that_a_vote_was_opened(folder):
    made = executed()
    made.wait(40 * DAY)
    made.create_payload(CONTROLLERS[1])
    lost = ("VotingActivated", "ProposalQueued", "ProposalExecuted", "PayloadSent")
    bare = replayed(made.save(folder(), logs=only(made, *lost), dumps=False))
    assert (bare.proposals[0].state, ("missing-log", "VotingActivated", 0) in gaps(bare)) == (None, True)


def test_what_was_sent_was_executed(folder):
    made = executed()
    found = replayed(made.save(folder(), logs=only(made, "ProposalExecuted"), dumps=False))
    assert found.proposals[0].state is AaveState.EXECUTED
    assert ("missing-log", "ProposalExecuted", 0) in gaps(found)


def test_ids_far_apart_are_one_gap(folder):
    made = executed()
    made.emit(CONTROLLERS[0], "PayloadQueued", payloadId=2**39)
    found = replayed(made.save(folder(), dumps=False))
    holes = [gap for gap in found.gaps if (gap.event, gap.chain, gap.id) == ("PayloadCreated", 1, 1)]
    assert [f"from 1 to {2**39 - 1}" in gap.evidence for gap in holes] == [True]
    assert len(found.payloads) == 3


def test_a_payload_that_was_sent_and_never_arrived_is_not_called_expired(folder):
    made = executed()
    made.wait(40 * DAY)
    made.create_payload(CONTROLLERS[0])
    found = replayed(made.save(folder(), logs=only(made, "PayloadQueued", "PayloadExecuted"), dumps=False))
    assert [each.state for each in found.payloads] == [None, PayloadState.CREATED, None]
    assert "proposal 0 sent it" in found.payloads[0].reason


def test_missing_votes_are_counted(folder):
    made = executed()
    first = next(log for log in made.logs if log["eventName"] == "VoteEmitted")
    found = replayed(made.save(folder(), logs=[log for log in made.logs if log is not first]))
    gap = next(gap for gap in found.gaps if gap.kind == "missing-votes")
    power = int(first["args"]["votingPower"])
    assert str(power) in gap.evidence
    assert not found.votings[0].equal
    assert found.differences == ()


def test_contracts_without_logs_are_named(folder):
    made = executed()
    kept = [
        log
        for log in made.logs
        if log["_chain"] == 1 and not log["eventName"].startswith(("Vote", "ProposalVote", "ProposalResults"))
    ]
    found = replayed(made.save(folder(), logs=[*kept, *only_activated(made)], dumps=False))
    silent = [gap for gap in found.gaps if gap.kind == "no-logs"]
    assert [(gap.chain, gap.event) for gap in silent] == [(1, "VoteEmitted"), (10, "payloadsController")]
    assert "1 proposals from 0 to 0" in silent[0].evidence


def only_activated(made: Paper) -> list[dict]:
    return [log for log in made.logs if log["eventName"] == "VotingActivated"]


def test_holes_in_the_sequence_of_ids_are_gaps(folder):
    made = executed()
    made.create_payload(CONTROLLERS[0])
    made.create_payload(CONTROLLERS[0])
    hole = made.logs[-2]
    found = replayed(made.save(folder(), logs=[log for log in made.logs if log is not hole], dumps=False))
    assert ("missing-log", "PayloadCreated", 1) in gaps(found)
    payload = next(each for each in found.payloads if (each.contract, each.number) == (CONTROLLERS[0][1], 1))
    assert payload.state is None
    assert payload.as_dict()["state"] == "unknown"


@pytest.mark.parametrize(("offset", "state"), [(0, PayloadState.QUEUED), (12, PayloadState.EXPIRED)])
def test_a_queued_payload_expires_in_the_second_its_grace_ends(folder, offset, state):
    made = executed()
    contract = CONTROLLERS[0]
    made.emit(contract, "ExecutorSet", accessLevel=1, executor=CORE[1], delay=DAY)
    number = made.create_payload(contract)
    made.wait(DAY)
    made.change_payload(contract, number, "PayloadQueued", 2, "queuedAt")
    made.now += 8 * DAY - 12 + offset
    made.create_payload(contract)  # tells the time

    def payload(*, dumps):
        found = replayed(made.save(folder(), dumps=dumps))
        assert found.differences == ()
        return next(each for each in found.payloads if (each.contract, each.number) == (contract[1], number))

    assert payload(dumps=True).state is state
    # Without the contract's word an execution whose log is missing explains the silence as well.
    bare = payload(dumps=False)
    assert bare.state is (PayloadState.QUEUED if state is PayloadState.QUEUED else None)
    told = [("undecided", "PayloadCancelled or PayloadExecuted")]
    assert [(gap.kind, gap.event) for gap in bare.gaps] == ([] if bare.state else told)


@pytest.mark.parametrize(("offset", "state"), [(0, AaveState.CREATED), (1, AaveState.EXPIRED)])
def test_a_created_proposal_expires_when_its_vote_would_end_too_late(folder, offset, state):
    made = executed()
    number = made.create_proposal([(CONTROLLERS[0], 0)])
    made.now += 27 * DAY + offset
    made.create_payload(CONTROLLERS[0])
    found = replayed(made.save(folder(), dumps=False))
    assert found.proposals[number].state is state


def test_everything_is_json(folder):
    told = replayed(executed().save(folder())).as_dict()
    assert json.loads(json.dumps(told)) == told


def test_a_voting_machine_alone_has_tallies(folder):
    made = executed()
    machine = [log for log in made.logs if log["eventName"] in {"VoteEmitted", "ProposalVoteStarted"}]
    told = replayed(made.save(folder(), logs=machine, dumps=False)).as_dict()
    assert told["proposals"] == {}
    assert [(tally["proposal"], tally["votes"]) for tally in told["tallies"]] == [(0, told["votes"])]


def test_where_no_time_is_known_nothing_that_depends_on_it_is_told(folder):
    made = executed()
    made.create_payload(CONTROLLERS[0])
    timeless = [
        {key: value for key, value in log.items() if key != "blockTimestamp"}
        for log in made.logs
        if log["eventName"] != "ProposalVoteStarted"
    ]
    found = replayed(made.save(folder(), logs=timeless, dumps=False))
    assert [each.state for each in found.payloads] == [PayloadState.EXECUTED, None, PayloadState.EXECUTED]
    assert "leave open" in found.payloads[1].reason
