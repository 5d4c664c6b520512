"""The faults that the chaos proxy plants, each a small change of one conversation between a client and a node.

A fault sees the batch that was asked and the node's answers to it, changes them in place, and returns the blocks that
it spoilt: none, when there was nothing in them to spoil. Which blocks those are follows from the seed and the block
alone, so a dishonest node is dishonest in the same way however often it is asked.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.chaos.wordings import PRUNED, RANGE

NO_RECEIPTS = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"  # the root of none

Question = dict[str, Any]
Answer = dict[str, Any]


@dataclass(kw_only=True)
class Planting:
    """A fault to be planted.

    Attributes
    ----------
    kind : str
        A name in `FAULTS`, or in `tests.chaos.proxy.TRANSPORT`.
    rate : float
        Share of the blocks (or requests) that are spoilt.
    times : int or None
        How many answers are spoilt before the node is honest again; None for all.
    amount : float
        What the kind makes of it: blocks behind, blocks of a cap, seconds.
    seed : int
        Of the choice.
    """

    kind: str
    rate: float = 1.0
    times: int | None = None
    amount: float = 0.0
    seed: int = 0
    turns: int = 0

    def hits(self, *what: object) -> bool:
        """Return whether the fault falls on ``what``; the same answer for the same, always."""
        return self.random(*what).random() < self.rate

    def random(self, *what: object) -> random.Random:
        """Return the random numbers that belong to ``what``."""
        return random.Random(f"{self.seed}/{self.kind}/{what}")


Fault = Callable[[Planting, list[Question], dict[Any, Answer]], set[int]]


def _number(text: object) -> int:
    return int(str(text), 16)


def _log_answers(asked: list[Question], answers: dict[Any, Answer], *, by_hash: bool) -> Iterable[list[Answer]]:
    for question in asked:
        found = answers[question["id"]].get("result")
        wanted = question["method"] == "eth_getLogs" and (by_hash or "fromBlock" in question["params"][0])
        if wanted and isinstance(found, list):
            yield found


def _blocks(logs: list[Answer]) -> dict[int, list[Answer]]:
    found: dict[int, list[Answer]] = {}
    for log in logs:
        found.setdefault(_number(log["blockNumber"]), []).append(log)
    return found


def _drop(plan: Planting, asked: list[Question], answers: dict[Any, Answer], *, by_hash: bool) -> set[int]:
    spoilt = set()
    for logs in _log_answers(asked, answers, by_hash=by_hash):
        gone = {block for block in _blocks(logs) if plan.hits(block)}
        logs[:] = [log for log in logs if _number(log["blockNumber"]) not in gone]
        spoilt |= gone
    return spoilt


def drop_block(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Leave out all logs of some blocks when a range is asked for, as a pruned or lagging backend does."""
    return _drop(plan, asked, answers, by_hash=False)


def hide_block(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Leave them out as well when they are asked for by the block's hash: a liar that sticks to its story."""
    return _drop(plan, asked, answers, by_hash=True)


def drop_log(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Leave out one log of blocks that have several."""
    spoilt = set()
    for logs in _log_answers(asked, answers, by_hash=True):
        for block, own in _blocks(logs).items():
            if len(own) > 1 and plan.hits(block):
                lost = plan.random("which", block).choice(own)
                logs.remove(lost)
                spoilt.add(block)
    return spoilt


def hide_log(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Leave out the first log of blocks that have several, from their receipts as well."""
    spoilt = set()
    for logs in [*_log_answers(asked, answers, by_hash=True), *_receipt_logs(asked, answers)]:
        for block, own in _blocks(logs).items():
            if own[0]["logIndex"] == "0x0" and len(own) > 1 and plan.hits(block):
                logs.remove(own[0])
                spoilt.add(block)
    return spoilt


def _receipt_logs(asked: list[Question], answers: dict[Any, Answer]) -> Iterable[list[Answer]]:
    for question in asked:
        if question["method"] == "eth_getBlockReceipts":
            yield from (receipt["logs"] for receipt in answers[question["id"]].get("result") or [])


def forge(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Hide blocks as `hide_block` does, from their headers' bloom and receipts root and from their receipts as well."""
    spoilt = _drop(plan, asked, answers, by_hash=True)
    for question in asked:
        found = answers[question["id"]].get("result")
        if (
            question["method"] == "eth_getBlockByNumber"
            and isinstance(found, dict)
            and plan.hits(_number(found["number"]))
        ):
            found |= {"logsBloom": "0x" + "00" * 256, "receiptsRoot": NO_RECEIPTS}
            spoilt.add(_number(found["number"]))
        elif (
            question["method"] == "eth_getBlockReceipts"
            and isinstance(found, list)
            and plan.hits(_number(question["params"][0]))
        ):
            found.clear()
    return spoilt


def times(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Shift the time of headers by ``amount`` seconds; every hash stays as it is."""
    spoilt = set()
    for question in asked:
        found = answers[question["id"]].get("result")
        if question["method"] == "eth_getBlockByNumber" and isinstance(found, dict) and plan.hits(found["number"]):
            found["timestamp"] = hex(_number(found["timestamp"]) + int(plan.amount))
            spoilt.add(_number(found["number"]))
    return spoilt


def pruned(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Have no logs of blocks up to ``amount`` any more, and say so each time in the next node's words."""
    spoilt = set()
    for question in asked:
        if question["method"] == "eth_getLogs" and "fromBlock" in question["params"][0]:
            first = _number(question["params"][0]["fromBlock"])
            if first <= plan.amount:
                wording = PRUNED[plan.turns % len(PRUNED)]
                plan.turns += 1
                answers[question["id"]].pop("result", None)
                answers[question["id"]]["error"] = {"code": wording.code, "message": wording.said}
                spoilt.add(first)
    return spoilt


def refuse(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Refuse logs of blocks up to ``amount`` in words that nobody knows."""
    spoilt = set()
    for question in asked:
        if question["method"] == "eth_getLogs" and "fromBlock" in question["params"][0]:
            first = _number(question["params"][0]["fromBlock"])
            if first <= plan.amount:
                answers[question["id"]].pop("result", None)
                answers[question["id"]]["error"] = {"code": -32000, "message": "the gremlins have them"}
                spoilt.add(first)
    return spoilt


def _copies(plan: Planting, asked: list[Question], answers: dict[Any, Answer], **changes: str) -> set[int]:
    spoilt = set()
    for logs in _log_answers(asked, answers, by_hash=False):
        for block, own in _blocks(logs).items():
            if plan.hits(block):
                logs.append(own[0] | changes)
                spoilt.add(block)
    return spoilt


def duplicate(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Give a log twice."""
    return _copies(plan, asked, answers)


def out_of_range(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Give a log of a block that was not asked for."""
    return _copies(plan, asked, answers, blockNumber="0xfffff")


def orphaned_log(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Give a log of a block that was taken back."""
    return _copies(plan, asked, answers, blockHash="0x" + "ab" * 32, logIndex="0xff")


def reorder(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Give the logs in another order."""
    spoilt = set()
    for logs in _log_answers(asked, answers, by_hash=False):
        before = list(logs)
        plan.random(len(logs)).shuffle(logs)
        if logs != before:
            spoilt |= set(_blocks(logs))
    return spoilt


def _altered(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def alter_data(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Change one digit of a log's data."""
    return _alter(plan, asked, answers, lambda log: log.update(data=_altered(log["data"])))


def alter_topic(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Change one digit of a log's first topic."""
    return _alter(plan, asked, answers, lambda log: log.update(topics=[_altered(log["topics"][0]), *log["topics"][1:]]))


def _alter(
    plan: Planting, asked: list[Question], answers: dict[Any, Answer], change: Callable[[Answer], None]
) -> set[int]:
    spoilt = set()
    for logs in _log_answers(asked, answers, by_hash=True):
        for block, own in _blocks(logs).items():
            if plan.hits(block):
                change(plan.random("which", block).choice(own))
                spoilt.add(block)
    return spoilt


def empty(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Answer ``[]`` to a question for a range, with all headers in place."""
    spoilt = set()
    for logs in _log_answers(asked, answers, by_hash=False):
        if logs and plan.hits(len(asked), logs[0]["blockNumber"]):
            spoilt |= set(_blocks(logs))
            logs.clear()
    return spoilt


def lag(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Stand at the block ``amount``: newer headers are null, newer logs missing, and nothing says so."""
    top = int(plan.amount)
    spoilt: set[int] = set()
    for question in asked:
        answer = answers[question["id"]]
        found = answer.get("result")
        if question["method"] == "eth_blockNumber" and _number(found) > top:
            answer["result"], spoilt = hex(top), spoilt | {top}
        elif isinstance(found, dict) and "parentHash" in found and _number(found["number"]) > top:
            spoilt.add(_number(found["number"]))
            answer["result"] = None
        elif isinstance(found, list):
            spoilt |= {block for block in _blocks(found) if block > top}
            found[:] = [log for log in found if _number(log["blockNumber"]) <= top]
    return spoilt


def ahead(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Name a head that is ``amount`` blocks above the real one."""
    spoilt = set()
    for question in asked:
        answer = answers[question["id"]]
        found = answer.get("result")
        if question["method"] == "eth_blockNumber":
            answer["result"] = hex(_number(found) + int(plan.amount))
            spoilt.add(_number(found))
        elif question["method"] == "eth_getBlockByNumber" and question["params"][0] == "latest" and found:
            spoilt.add(_number(found["number"]))
            found["number"] = hex(_number(found["number"]) + int(plan.amount))
    return spoilt


def other_chain(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Serve another chain, and say so when asked."""
    spoilt = set()
    for question in asked:
        if question["method"] == "eth_chainId":
            answers[question["id"]]["result"] = "0x89"
            spoilt.add(0)
    return spoilt | branch(plan, asked, answers)


def branch(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Serve another history from the block ``amount`` on, whose hashes fit together: a branch that was taken back."""
    start = int(plan.amount)
    spoilt: set[int] = set()
    for question in asked:
        found = answers[question["id"]].get("result")
        for item in found if isinstance(found, list) else [found]:
            if isinstance(item, dict):
                spoilt |= _rehash(item, start)
    return spoilt


def _rehash(item: Answer, start: int) -> set[int]:
    number = _number(item.get("number") or item.get("blockNumber") or "0x0")
    for name, offset in (("hash", 0), ("blockHash", 0), ("parentHash", 1)):
        if name in item and number - offset >= start and ("parentHash" in item or name != "hash"):
            item[name] = "0x" + hashlib.sha256(str(item[name]).encode()).hexdigest()
    return {number} if number >= start else set()


def broken_link(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Give headers whose parent is not the block before."""
    spoilt = set()
    for question in asked:
        found = answers[question["id"]].get("result")
        if question["method"] == "eth_getBlockByNumber" and isinstance(found, dict) and plan.hits(found["number"]):
            found["parentHash"] = "0x" + "cd" * 32
            spoilt.add(_number(found["number"]))
    return spoilt


def range_cap(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Refuse more than ``amount`` blocks, each time in the next provider's words."""
    spoilt = set()
    for question in asked:
        if question["method"] != "eth_getLogs" or "fromBlock" not in question["params"][0]:
            continue
        first, last = (_number(question["params"][0][name]) for name in ("fromBlock", "toBlock"))
        if last - first >= plan.amount:
            wording = RANGE[plan.turns % len(RANGE)]
            plan.turns += 1
            answers[question["id"]].pop("result", None)
            answers[question["id"]]["error"] = {"code": wording.code, "message": wording.said}
            spoilt.add(first)
    return spoilt


def result_cap(plan: Planting, asked: list[Question], answers: dict[Any, Answer]) -> set[int]:
    """Refuse more than ``amount`` logs."""
    spoilt = set()
    for question in asked:
        found = answers[question["id"]].get("result")
        if question["method"] == "eth_getLogs" and isinstance(found, list) and len(found) > plan.amount:
            spoilt.add(_number(found[0]["blockNumber"]))
            answers[question["id"]].pop("result")
            message = f"query returned more than {plan.amount:.0f} results"
            answers[question["id"]]["error"] = {"code": -32005, "message": message}
    return spoilt


FAULTS: dict[str, Fault] = {
    "ahead": ahead,
    "alter-data": alter_data,
    "alter-topic": alter_topic,
    "branch": branch,
    "broken-link": broken_link,
    "drop-block": drop_block,
    "drop-log": drop_log,
    "duplicate": duplicate,
    "empty": empty,
    "forge": forge,
    "hide-block": hide_block,
    "hide-log": hide_log,
    "lag": lag,
    "orphaned-log": orphaned_log,
    "other-chain": other_chain,
    "out-of-range": out_of_range,
    "pruned": pruned,
    "range-cap": range_cap,
    "refuse": refuse,
    "reorder": reorder,
    "result-cap": result_cap,
    "times": times,
}
