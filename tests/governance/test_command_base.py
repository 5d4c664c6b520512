from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command
from django.db.utils import OperationalError

from governance.errors import InputError, ServiceError, UnsupportedDatabase
from governance.management.base import BreakwaterCommand, Meter, complain


class Reporter(BreakwaterCommand):
    help = "A command for the tests, which does what its attribute says."
    reports = True
    failure: Exception | None = None

    def handle(self, **_):
        if self.failure:
            raise self.failure
        self.say("working")
        with self.progress("steps") as advance:
            for step in range(3):
                advance(step + 1, 3, "step")
        self.answer({"steps": 3}, "Three steps.")


def run(*arguments, failure=None):
    command = Reporter(stdout=io.StringIO())
    command.failure = failure
    call_command(command, *arguments)
    return command.stdout.getvalue()


def test_json_is_one_object_and_nothing_else():
    assert json.loads(run("--json")) == {"steps": 3}


def test_text_is_for_people():
    assert run().splitlines() == ["working", "Three steps."]


def test_a_database_that_goes_away_is_one_of_our_errors():
    with pytest.raises(UnsupportedDatabase, match="server closed the connection"):
        run(failure=OperationalError("server closed the connection\nand more"))


@pytest.mark.parametrize(("error", "status"), [(InputError("wrong\n input", field="x"), 2), (ServiceError("gone"), 1)])
def test_an_error_is_one_line_or_one_object_with_an_exit_status(capsys, error, status):
    assert complain(error, as_json=False) == status
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert complain(error, as_json=True) == status
    assert json.loads(capsys.readouterr().out)["error"]["code"] == error.code


def test_a_meter_tells_what_is_left_and_how_long_it_will_take(monkeypatch):
    told = []
    clock = iter([100.0, 100.0, 110.0, 200.0, 200.5])
    monkeypatch.setattr("governance.management.base.time.monotonic", lambda: next(clock))
    meter = Meter(lambda done, total, text: told.append((done, total, text)))
    meter(25, 100, "block 24")
    meter(50, 60, "another stream")
    assert told == [
        (25, 100, "block 24, 75 blocks behind, 30 s left"),
        (50, 60, "another stream, 10 blocks behind"),
    ]
