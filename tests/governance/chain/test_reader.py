"""Answers that another process reads: it says what this one would, in every case, and never outlives it."""

from __future__ import annotations

from contextlib import closing

import msgspec
import pytest

from governance.chain import reader
from governance.chain.reading import Content, Question, Refusal, read, read_here
from governance.errors import DishonestAnswer
from tests.ledger import CHAIN, CONTRACT, FakeChain

FAKE = FakeChain([0, 2, 1, 3])
QUESTION = Question(CHAIN, 0, 3, {CONTRACT: 1}, share=1.0)


def answer(*, logs=None, headers=None, without=""):
    given = [log for block in FAKE.logs for log in block] if logs is None else logs
    results = [given, *(FAKE.headers if headers is None else headers)]
    items = [{"jsonrpc": "2.0", "id": number, "result": result} for number, result in enumerate(results)]
    if without:
        items[2] = {"jsonrpc": "2.0", "id": 2, "error": {"code": -32000, "message": without}}
    return msgspec.json.encode(items)


@pytest.fixture(scope="module")
def other():
    """A process that reads, also where one processor is no reason for it."""
    with closing(reader.Reader()) as reads:
        yield reads


def test_it_reads_what_this_process_would(other):
    raw = answer()
    found = other(raw, QUESTION)
    assert found == read(raw, QUESTION)
    assert isinstance(found, Content)
    assert (found.n_logs, found.logs, found.headers) == (6, FAKE.range(0, 3).logs, FAKE.range(0, 3).headers)
    assert found.content == FAKE.range(0, 3).content
    assert found.sampled == found.hashed == FAKE.headers
    assert len(found.sampled_logs) == 6


def test_what_does_not_fit_together_is_returned_as_it_is_here(other):
    found = other(answer(headers=[*FAKE.headers[:3], FAKE.headers[0]]), QUESTION)
    assert isinstance(found, DishonestAnswer)
    assert found.facts == {"block": 3, "kind": "unlinked"}


def test_a_refusal_is_passed_on(other):
    assert other(answer(without="no"), QUESTION) == Refusal(2, {"code": -32000, "message": "no"})


def test_what_has_no_shape_is_raised_with_its_facts(other):
    with pytest.raises(DishonestAnswer, match="does not have the shape") as caught:
        other(answer()[:-9], QUESTION)
    assert caught.value.facts == {"kind": "truncated"}
    assert other(answer(), QUESTION) == read(answer(), QUESTION)  # it goes on


def test_when_it_was_killed_its_threads_read_themselves():
    process = reader.Reader()
    process.process.kill()
    process.process.wait()
    assert process(answer(), QUESTION) == read(answer(), QUESTION)
    process.close()


def test_it_ends_when_nobody_asks_any_more():
    process = reader.Reader()
    process(answer(), QUESTION)
    process.close()
    assert process.process.returncode == 0


def test_a_short_backlog_gets_none():
    with reader.reading(reader.MANY - 1) as reads:
        assert reads is read_here
