"""Archives in the database: each log once, whatever is imported how often, and the command that tells of them."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pytest
from django.core.management import call_command

from governance.archive import shown
from governance.archive.importing import import_folder
from governance.errors import ImplausibleData, InputError
from governance.models import Archive, ArchiveFile, ArchiveLog, ArchiveRecord
from tests.archives import CORE, DAY, paper

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "governance" / "aave_governance_v3"

pytestmark = pytest.mark.django_db


def take(folder, source="aave"):
    return import_folder(folder, source=source, progress=lambda *_: None)


def told(**options):
    out = io.StringIO()
    call_command("governance", "--json", stdout=out, **options)
    return json.loads(out.getvalue())


def rows():
    logs = ArchiveLog.objects.order_by("chain_id", "tx_hash", "log_index")
    fields = (
        "chain_id",
        "tx_hash",
        "log_index",
        "address",
        "block_number",
        "block_hash",
        "topics",
        "data",
        "timestamp",
    )
    records = ArchiveRecord.objects.order_by("kind", "chain_id", "contract", "number")
    return (
        [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in logs.values_list(*fields)],
        list(records.values_list("kind", "chain_id", "contract", "number", "body")),
    )


def test_what_is_imported_is_kept_and_replayed(tmp_path):
    made = paper(5)
    report = take(made.save(tmp_path))
    assert (report.logs, report.new_logs, report.repeated_files) == (len(made.logs), len(made.logs), 0)
    assert report.as_dict()["chains"] == sorted({log["_chain"] for log in made.logs})
    found = told()
    assert found["source"] == "aave"
    assert found["logs"] == len(made.logs)
    assert (found["duplicates_removed"], found["gaps"], found["differences"]) == (0, [], [])
    states = {number: entry["state"] for number, entry in found["proposals"].items()}
    assert states == {str(at): made.proposal(at)["state"] for at in range(len(made.proposals))}
    assert found["governors"] == {}


def test_the_same_again_changes_nothing(tmp_path):
    made = paper(5)
    take(made.save(tmp_path))
    before = rows(), list(ArchiveFile.objects.values_list("pk", flat=True))
    again = take(tmp_path)
    assert (again.new_logs, again.repeated_files) == (0, again.files)
    assert before == (rows(), list(ArchiveFile.objects.values_list("pk", flat=True)))


def test_shuffled_and_doubled_input_gives_the_same_tables(tmp_path):
    made, chance = paper(6), random.Random(6)
    take(made.save(tmp_path / "a"), "plain")
    plain = rows()
    logs = made.logs * 2
    chance.shuffle(logs)
    Archive.objects.all().delete()
    take(made.save(tmp_path / "b", logs=logs), "shuffled")
    assert rows() == plain
    assert told()["duplicates_removed"] == len(made.logs)


def test_several_folders_of_one_source_add_up(tmp_path):
    made = paper(7)
    half = len(made.logs) // 2
    take(made.save(tmp_path / "a", logs=made.logs[:half], dumps=False))
    report = take(made.save(tmp_path / "b", logs=made.logs[half - 3 :]))
    assert report.new_logs == len(made.logs) - half
    assert told()["gaps"] == []


def test_a_file_that_tells_more_of_a_log_enriches_it(tmp_path):
    made = paper(5)
    bare = [{key: value for key, value in log.items() if key != "blockTimestamp"} for log in made.logs]
    take(made.save(tmp_path / "a", logs=bare))
    assert not ArchiveLog.objects.exclude(timestamp=None).exists()
    report = take(made.save(tmp_path / "b"))
    assert report.new_logs == 0
    assert not ArchiveLog.objects.filter(timestamp=None).exists()


def test_a_later_reading_takes_the_place_of_an_earlier_one(tmp_path):
    made = paper(5)
    take(made.save(tmp_path / "a"))
    made.wait(60 * DAY)
    take(made.save(tmp_path / "b"))
    found = told()
    assert found["proposals"]["0"]["state"] == made.proposal(0)["state"]
    assert found["differences"] == []


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_order_in_which_readings_are_imported_changes_nothing(tmp_path, newest_first):
    made = paper(5)
    made.save(tmp_path / "a")
    made.wait(60 * DAY)
    made.save(tmp_path / "b")
    reports = [take(tmp_path / name) for name in ("ba" if newest_first else "ab")]
    found = told()
    states = {number: entry["state"] for number, entry in found["proposals"].items()}
    assert states == {str(at): made.proposal(at)["state"] for at in range(len(made.proposals))}
    assert found["differences"] == []
    assert any("older than those that are there" in line for line in reports[1].findings) == newest_first


def test_what_is_odd_about_a_known_file_is_kept(tmp_path):
    made = paper(5)
    take(made.save(tmp_path / "a"))
    made.logs[0]["args"]["creator"] = CORE[1]
    report = take(made.save(tmp_path / "b"))
    assert report.repeated_files == report.files
    assert told()["findings"] == list(report.findings) != []


def test_a_log_that_a_later_folder_marks_as_removed_is_taken_back(tmp_path):
    made = paper(5)
    take(made.save(tmp_path / "a", dumps=False))
    removed = made.logs[-1] | {"removed": True}
    report = take(made.save(tmp_path / "b", logs=[removed], dumps=False))
    assert ArchiveLog.objects.count() == len(made.logs) - 1
    assert "marked as removed" in report.findings[0]


def test_a_folder_is_a_source_by_its_name(tmp_path):
    made = paper(5)
    call_command("import", "governance", str(made.save(tmp_path / "aave_v3")))
    found = told()
    assert (found["source"], found["logs"]) == ("aave_v3", len(made.logs))


def test_nothing_is_kept_of_a_folder_that_is_wrong_in_one_place(tmp_path):
    made = paper(5)
    made.logs.append(made.logs[0] | {"blockNumber": "1"})
    with pytest.raises(ImplausibleData):
        take(made.save(tmp_path))
    assert not Archive.objects.exists()


def test_a_source_describes_one_governance(tmp_path):
    made = paper(5)
    take(made.save(tmp_path / "a"))
    other = CORE[1].lower().replace("c0", "c1")
    logs = [
        log | {"address": other, "transactionHash": f"0x{9:064x}"}
        for log in made.logs
        if log["address"] == CORE[1].lower()
    ]
    with pytest.raises(InputError, match="two governances"):
        take(made.save(tmp_path / "b", logs=logs[:1], dumps=False))
    assert take(tmp_path / "b", "other").new_logs == 1
    assert told()["sources"] == ["other", "aave"]
    assert told(source="aave")["source"] == "aave"


@pytest.mark.parametrize("source", ["", "x" * 65])
def test_a_source_needs_a_name(tmp_path, source):
    with pytest.raises(InputError, match="source"):
        take(paper(5).save(tmp_path), source)


def test_an_unknown_source_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(InputError, match="none yet"):
        shown.find("x")
    take(paper(5).save(tmp_path))
    with pytest.raises(InputError, match="there are: aave"):
        shown.find("x")


def test_the_text_tells_states_gaps_and_findings(tmp_path, capsys):
    made = paper(5)
    made.logs[0]["args"]["creator"] = CORE[1]
    kept = [log for log in made.logs if log["eventName"] != "PayloadQueued"]
    take(made.save(tmp_path, logs=kept))
    call_command("governance")
    out = capsys.readouterr().out
    assert "PayloadQueued" in out
    assert "duplicates removed" in out
    assert "executed" in out
    assert "its argument creator" in out


def test_a_difference_makes_the_command_fail(tmp_path, capsys):
    made = paper(5)
    made.proposals[0]["creator"] = CORE[1]
    take(made.save(tmp_path))
    with pytest.raises(SystemExit):
        call_command("governance")
    assert "creator" in capsys.readouterr().out


def test_without_any_governance_the_command_says_so(capsys):
    call_command("governance")
    assert "No governance" in capsys.readouterr().out


@pytest.mark.skipif(not REAL.is_dir(), reason="real logs are not part of the project, but in ../shared/data")
def test_the_real_archive_equals_its_dumps_and_names_what_is_missing():
    report = take(REAL)
    assert report.findings == ()
    found = told()
    assert found["duplicates_removed"] == 1
    assert found["differences"] == []
    unknown = set()
    for path in sorted(REAL.glob("*/p*/*.json")):
        chain, kind = path.parts[-3], path.parts[-2]
        mine = found["proposals"] if kind == "proposals" else found["payloads"][chain][path.stem]
        dump = json.loads(path.read_text(encoding="utf-8"))
        assert set(mine) == set(dump)
        for number, record in dump.items():
            if mine[number]["state"] != record["state"]:
                assert mine[number]["state"] == "unknown"
                unknown.add((kind, number))
    assert unknown == {("proposals", "47"), ("proposals", "272"), ("payloads", "274")}
    missing = [(gap["event"], gap["id"]) for gap in found["gaps"] if gap["kind"] == "missing-log"]
    assert len(missing) == 13
    assert {number for event, number in missing if event == "PayloadQueued"} == {40, 43, 100, 103, 105, 109}
    assert ("PayloadCancelled", 274) in missing
    assert found["compared"]["tallies"] == 91
    assert found["votes"] == 3772
