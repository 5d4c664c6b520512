"""Archive files as people have them: what is read, and what is refused with the field that is wrong."""

from __future__ import annotations

import json
import random

import pytest

from governance.archive import files
from governance.archive.entries import read_entry
from governance.archive.signatures import BY_TOPIC, EVENTS
from governance.errors import ImplausibleData, InputError
from tests.archives import CONTROLLERS, CORE, Paper, paper

CREATED = "0xcc914becfa276bbc067049bf8db2d34ebbdc1bafa851e4d4936aaed376c08dbe"  # as mainnet's core emits it
VOTED = "0x0c611e7b6ae0de26f4772260e1bbdb5f58cbb7c275fe2de14671968d29add8d6"


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
    assert read(log, args=None)[1] == ""


def test_a_removed_log_is_none(log):
    assert read(log, removed=True) == (None, "")
    assert read(log, removed="true") == (None, "")


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
        ({"topics": None, "args": {}}, "every argument"),
        ({"blockTimestamp": "noon"}, "blockTimestamp"),
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
        (f"1/proposals/{CORE[1]}.json", {"1": {"state": "4"}}, "state"),
        (f"1/payloads/{CORE[1]}.json", {"1": {"state": 4, "chainId": 10}}, "chainId"),
        ("1/events/core.json", [], "named after a contract"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path, name, content, words):
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        files.read(tmp_path / name, folder=tmp_path)


def test_what_is_no_json_is_refused(tmp_path):
    path = tmp_path / f"1/events/{CORE[1]}.json"
    path.parent.mkdir(parents=True)
    path.write_text("[", encoding="utf-8")
    with pytest.raises(InputError, match="not readable as JSON"):
        files.read(path, folder=tmp_path)


def test_a_folder_without_an_archive_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a folder"):
        files.paths(tmp_path / "none")
    with pytest.raises(InputError, match="holds no archive"):
        files.paths(tmp_path)
