"""Archive files as people have them: what is read, and what is refused with the field that is wrong."""

from __future__ import annotations

import json
import random

import pytest

from governance.archive import files
from governance.archive.entries import Removal, read_entry
from governance.archive.signatures import BY_TOPIC, EVENTS
from governance.errors import ImplausibleData, InputError
from tests.archives import CONTROLLERS, CORE, Paper, paper

CREATED = "0xcc914becfa276bbc067049bf8db2d34ebbdc1bafa851e4d4936aaed376c08dbe"  # as mainnet's core emits it
VOTED = "0x0c611e7b6ae0de26f4772260e1bbdb5f58cbb7c275fe2de14671968d29add8d6"

ACTION = {
    "target": CORE[1],
    "withDelegateCall": True,
    "accessLevel": 1,
    "value": "0",
    "signature": "",
    "callData": "0x",
}
ARGS = {"payloadId": 0, "creator": CORE[1], "maximumAccessLevelRequired": 1}


@pytest.fixture
def log():
    made = Paper(random.Random(1))
    made.create_payload(CONTROLLERS[0])
    return made.logs[0]


def read(log, **changes):
    entry = {key: value for key, value in (log | changes).items() if value is not None}
    return read_entry(entry, chain_id=1, address=CONTROLLERS[0][1], where="x.json, entry 0")


def test_topics_are_those_of_the_deployed_contracts():
    assert BY_TOPIC[bytes.fromhex(CREATED[2:])].name == "ProposalCreated"
    assert BY_TOPIC[bytes.fromhex(VOTED[2:])].name == "VoteEmitted"
    assert len(BY_TOPIC) == len(EVENTS)


def test_named_arguments_stand_in_for_absent_topics_and_data(log):
    plain, encoded = read(log)[0], read(log, topics=None, data=None)[0]
    assert encoded.encoded
    assert not plain.encoded
    assert (encoded.topics, encoded.data) == (plain.topics, plain.data)
    assert plain.merged(encoded) == encoded.merged(plain) == plain


def test_topics_and_data_rule_and_other_arguments_are_noted(log):
    found, odd = read(log, args=log["args"] | {"creator": CORE[1]})
    assert found == read(log)[0]
    assert "creator" in odd
    assert "PayloadQueued" in read(log, eventName="PayloadQueued")[1]
    assert "'a\\x00b'" in read(log, eventName="a\0b")[1]
    assert "[]" in read(log, eventName=[])[1]
    assert "actions" in read(log, args={"actions": [ACTION | {"callData": 5}]})[1]
    assert read(log, args=None)[1] == ""


@pytest.mark.parametrize("word", [True, 1, "true", "1"])
def test_a_removed_log_is_told_apart(log, word):
    found, odd = read(log, removed=word)
    assert isinstance(found, Removal)
    assert (found.key, found.block_hash, odd) == (read(log)[0].key, read(log)[0].block_hash, "")
    assert not isinstance(read(log, removed="false")[0], Removal)


def events(folder):
    return files.read(files.paths(folder)[0], folder=folder)


@pytest.mark.parametrize("at", [0, 1])
def test_a_removed_copy_takes_the_log_of_its_block_back_wherever_it_stands(tmp_path, log, at):
    made, removed = Paper(random.Random(1)), log | {"removed": True}
    made.save(tmp_path / "same", logs=[log, removed][:: 1 if at else -1])
    same = events(tmp_path / "same")
    assert (same.logs, same.removed, len(same.findings)) == ((), 2, 1)
    assert "marked as removed" in same.findings[0]
    made.save(tmp_path / "other", logs=[log, removed | {"blockHash": f"0x{5:064x}"}][:: 1 if at else -1])
    assert (len(events(tmp_path / "other").logs), events(tmp_path / "other").findings) == (1, ())


def test_text_that_is_no_text_is_replaced(log):
    odd = read(log, data=log["data"].replace(b"execute()".hex(), b"execut\xff\0)".hex()), args=None)[0]
    assert odd.args["actions"][0][4] == "execut\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER})"


def test_data_that_are_longer_than_their_arguments_are_noted(log):
    assert "not as long" in read(log, data=f"{log['data']}{bytes(32).hex()}")[1]


def test_a_number_of_payloads_that_nobody_could_send_is_refused():
    made = Paper(random.Random(1))
    sent = {"proposalId": 0, "payloadId": 1, "payloadsController": CORE[1], "chainId": 1, "payloadNumberOnProposal": 0}
    made.emit(CORE, "PayloadSent", **sent, numberOfPayloadsOnProposal=255)
    made.emit(CORE, "PayloadSent", **sent, numberOfPayloadsOnProposal=2**200)
    read_entry(made.logs[0], chain_id=1, address=CORE[1], where="x")
    with pytest.raises(InputError, match="at most 255"):
        read_entry(made.logs[1], chain_id=1, address=CORE[1], where="x")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"blockNumber": "later"}, "blockNumber is 'later'"),
        ({"blockNumber": 1.5}, "blockNumber"),
        ({"logIndex": -1}, "logIndex"),
        ({"logIndex": None}, "logIndex"),
        ({"transactionHash": "0x12"}, "transactionHash"),
        ({"address": CORE[1]}, "named after"),
        ({"data": "0xzz"}, "hexadecimal"),
        ({"data": "0x"}, "does not decode"),
        ({"topics": ["0x12"]}, "32 bytes"),
        ({"topics": None, "eventName": "Transfer"}, "topics and data"),
        ({"topics": None, "eventName": []}, "topics and data"),
        ({"topics": None, "args": {}}, "every argument"),
        ({"blockTimestamp": "noon"}, "blockTimestamp"),
        ({"blockTimestamp": 2**70}, "blockTimestamp"),
        ({"blockNumber": str(2**63)}, "blockNumber"),
        ({"blockNumber": "1_000"}, "blockNumber"),
        ({"blockNumber": "9" * 6000}, "blockNumber"),
        ({"logIndex": 2**31}, "logIndex"),
        ({"removed": 2}, "removed"),
        ({"removed": "maybe"}, "removed"),
        ({"removed": [True]}, "removed"),
        ({"topics": 5}, "topics"),
        ({"topics": [f"0x{7:064x}"] * 5}, "one to four"),
        ({"topics": None, "args": {"payloadId": 0, "creator": 5, "maximumAccessLevelRequired": 1}}, "every argument"),
        ({"topics": None, "args": ARGS | {"actions": [ACTION | {"callData": 5}]}}, "every argument"),
    ],
)
def test_a_wrong_field_is_named(log, changes, words):
    with pytest.raises(InputError, match=words):
        read(log, **changes)


def test_an_entry_that_is_no_object_is_refused():
    with pytest.raises(InputError, match="not an object"):
        read_entry(7, chain_id=1, address=CORE[1], where="x")


def test_two_entries_of_one_log_that_contradict_each_other_are_refused(tmp_path, log):
    made = Paper(random.Random(1))
    other = log | {"blockNumber": str(int(log["blockNumber"]) + 1)}
    made.save(tmp_path, logs=[log, other])
    with pytest.raises(ImplausibleData, match="contradict"):
        files.read(files.paths(tmp_path)[0], folder=tmp_path)


def test_content_is_the_same_whatever_the_order(tmp_path):
    made = paper(3)
    first = [files.read(path, folder=tmp_path / "a").content for path in files.paths(made.save(tmp_path / "a"))]
    logs = [*reversed(made.logs), *made.logs[:9]]
    again = made.save(tmp_path / "b", logs=logs)
    assert [files.read(path, folder=again).content for path in files.paths(again)] == first


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (f"1/events/{CORE[1]}.json", {"a": 1}, "not a list"),
        (f"1/proposals/{CORE[1]}.json", [1], "under its id"),
        (f"1/proposals/{CORE[1]}.json", {"x": {"state": 1}}, "no id"),
        (f"1/proposals/{CORE[1]}.json", {"\N{ARABIC-INDIC DIGIT ONE}": {"state": 1}}, "no id"),
        (f"1/proposals/{CORE[1]}.json", {"01": {"state": 1}}, "no id"),
        (f"1/proposals/{CORE[1]}.json", {str(2**63): {"state": 1}}, "no id"),
        (f"1/proposals/{CORE[1]}.json", {"9" * 6000: {"state": 1}}, "no id"),
        (f"1/proposals/{CORE[1]}.json", {"1": {"state": 8}}, "id 1: the field state is 8"),
        (f"1/proposals/{CORE[1]}.json", {"1": {}}, "id 1: the field state is None"),
        (f"1/proposals/{CORE[1]}.json", {"1": {"state": 1, "payloads": [1, 2]}}, "id 1: the field payloads"),
        (f"1/proposals/{CORE[1]}.json", {"1": {"state": 1, "payloads": None}}, "payloads is None"),
        (f"1/payloads/{CORE[1]}.json", {"1": {"state": 1, "createdAt": None}}, "id 1: the field createdAt is None"),
        (f"1/payloads/{CORE[1]}.json", {"1": {"state": 1, "createdAt": "soon"}}, "createdAt is 'soon'"),
        (f"1/payloads/{CORE[1]}.json", {"1": {"state": 1, "delay": None}}, "delay is None"),
        (f"1/payloads/{CORE[1]}.json", {"1": {"state": 1, "executedAt": 2**40}}, "executedAt"),
        (f"1/payloads/{CORE[1]}.json", {"1": {"state": 1, "creator": 5}}, "creator"),
        (f"1/payloads/{CORE[1]}.json", {"1": {"state": 1, "actions": [{}]}}, "actions"),
        (f"1/payloads/{CORE[1]}.json", {"1": {"state": 1, "note": ["a\0"]}}, "NUL"),
        (f"1/payloads/{CORE[1]}.json", {"1": {"state": 1, "\ud800": 1}}, "surrogate"),
        (f"1/payloads/{CORE[1]}.json", {"1": {"state": 1, "note": float("nan")}}, "not readable as JSON: NaN"),
        (f"{2**63}/events/{CORE[1]}.json", [], "no chain's number"),
        (f"01/events/{CORE[1]}.json", [], "no chain's number"),
        (f"1/payloads/{CORE[1]}.json", {"1": {"state": 4, "chainId": 10}}, "chainId"),
        ("1/events/core.json", [], "named after a contract"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path, name, content, words):
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        files.read(tmp_path / name, folder=tmp_path)


def test_a_reading_is_in_one_form_however_it_is_written_down(tmp_path):
    made = paper(3)
    plain = dict(made.dumps())
    name, records = next((name, records) for name, records in plain.items() if "/payloads/" in name and records)
    written = {
        number: record
        | {field: str(record[field]) for field in ("state", "queuedAt", "delay", "id")}
        | {field: hex(record[field]) for field in ("createdAt", "executedAt", "chainId")}
        | {"creator": record["creator"].lower(), "payloadsController": record["payloadsController"].lower()}
        for number, record in records.items()
    }
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(written), encoding="utf-8")
    assert {str(at): record for at, record in files.read(path, folder=tmp_path).records.items()} == records


@pytest.mark.parametrize("text", ["[", "[" * 200_000, f"[{'9' * 6000}]", "", "\xff"])
def test_what_is_no_json_is_refused(tmp_path, text):
    path = tmp_path / f"1/events/{CORE[1]}.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match="not readable as JSON"):
        files.read(path, folder=tmp_path)


def test_a_folder_without_an_archive_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a folder"):
        files.paths(tmp_path / "none")
    with pytest.raises(InputError, match="holds no archive"):
        files.paths(tmp_path)
