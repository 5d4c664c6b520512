"""The wordings of limits: which of them ask for less, which for patience, and what they hint at."""

from __future__ import annotations

import pytest

from governance.chain import answers, limits
from governance.errors import CallReverted, ChainError, ChainUnavailable, DishonestAnswer, RangeTooLarge, RateLimited
from tests.chaos.wordings import BATCH, PRUNED, RANGE, RATE


@pytest.mark.parametrize("wording", RANGE, ids=lambda wording: wording.who)
def test_a_range_that_is_too_large_is_recognised_with_its_hint(wording):
    found = limits.recognise(wording.said, code=wording.code, method="eth_getLogs")
    assert isinstance(found, RangeTooLarge)
    assert found.facts["hint"] == wording.hint


@pytest.mark.parametrize("wording", BATCH, ids=lambda wording: wording.who)
@pytest.mark.parametrize("method", ["eth_getLogs", "eth_call", limits.BATCH])
def test_a_batch_that_is_too_long_is_recognised_whatever_was_asked(wording, method):
    found = limits.recognise(wording.said, code=wording.code, method=method)
    assert isinstance(found, RangeTooLarge)
    assert found.facts["hint"] == wording.hint


@pytest.mark.parametrize("wording", RATE, ids=lambda wording: wording.who)
@pytest.mark.parametrize("method", ["eth_getLogs", "eth_call", limits.BATCH])
def test_a_rate_limit_is_recognised_whatever_was_asked(wording, method):
    assert isinstance(limits.recognise(wording.said, code=wording.code, method=method), RateLimited)


def test_limit_exceeded_means_the_range_of_a_question_for_logs_and_the_rate_of_any_other():
    said = {"said": "limit exceeded", "code": limits.LIMIT_EXCEEDED}
    assert isinstance(limits.recognise(**said, method="eth_getLogs"), RangeTooLarge)
    assert isinstance(limits.recognise(**said, method="eth_call"), RateLimited)


def test_a_call_that_takes_too_long_is_tried_again_and_a_range_is_made_smaller():
    said = {"said": "execution aborted (timeout = 5s)", "code": -32000}
    found = limits.recognise(**said, method="eth_call")
    assert isinstance(found, ChainUnavailable)
    assert isinstance(limits.recognise(**said, method="eth_getLogs"), RangeTooLarge)


def test_words_that_stand_in_the_data_are_read_too():
    more = '{"payload": "range 9009594 is bigger than range limit 2000"}'
    found = limits.recognise("invalid params", code=-32602, method="eth_getLogs", more=more)
    assert found is not None
    assert found.facts["hint"] == 2_000


@pytest.mark.parametrize(
    "said",
    [
        "invalid block range params",
        "fromBlock 500 is greater than toBlock 400",
        "unknown block",
        "header not found",
        "missing trie node",
        "the method eth_getLogs does not exist",
    ],
)
def test_what_is_about_no_limit_is_none(said):
    assert limits.recognise(said, code=-32602, method="eth_getLogs") is None


@pytest.mark.parametrize(
    "said", ["block range extends beyond current head block", "requested to_block is in the future"]
)
def test_blocks_that_the_node_does_not_have_are_a_lag(said):
    found = limits.recognise(said, code=-32602, method="eth_getLogs")
    assert found is not None
    assert (type(found), found.facts["kind"]) == (ChainError, "lagging")


@pytest.mark.parametrize("wording", PRUNED, ids=lambda wording: wording.who)
@pytest.mark.parametrize("method", ["eth_getLogs", "eth_call", limits.BATCH])
def test_blocks_that_the_node_has_thrown_away_are_neither_a_limit_nor_a_busy_node(wording, method):
    found = limits.recognise(wording.said, code=wording.code, method=method)
    assert found is not None
    assert (type(found), found.facts["kind"]) == (ChainError, "pruned")


def test_a_contract_that_speaks_of_a_limit_has_refused_and_the_node_has_not():
    error = {"code": 3, "message": "execution reverted: rate limit exceeded"}
    with pytest.raises(CallReverted, match="rate limit exceeded"):
        answers.result({"id": 0, "error": error}, number=0, method="eth_call")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (413, b"payload too large", RangeTooLarge),
        (413, b'{"error": {"code": -32614, "message": "eth_getLogs is limited to a 10,000 range"}}', RangeTooLarge),
        (500, b'[{"error": {"code": -32000, "message": "block range is too wide"}}]', RangeTooLarge),
        (500, b'{"error": {"code": -32603, "message": "internal error"}}', ChainUnavailable),
        (503, b'{"id": 0, "result": "0x1"}', ChainUnavailable),
        (429, b'{"error": {"code": -32005, "message": "limit exceeded"}}', RateLimited),
        (200, b'[{"id": 0, "resu', DishonestAnswer),
        (200, b"<html>sign in</html>", DishonestAnswer),
    ],
)
def test_status_and_words_of_an_answer_are_weighed_together(status, body, kind):
    with pytest.raises(kind) as caught:
        answers.parse(body, status=status, host="node")
    assert type(caught.value) is kind
    assert (b"10,000" in body) == (caught.value.facts.get("hint") == 10_000)
    assert (b"resu" in body and status == 200) == (caught.value.facts.get("kind") == "truncated")
