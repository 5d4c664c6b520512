"""What nodes say when a question is too large or comes too soon, in the many wordings of the world.

There is no standard: one code stands for both, and several codes for each. So the words decide. They are facts about
services, gathered from their documents and from bug reports; `tests/governance/chain/test_limits.py` lists them.

References
----------
EIP-1474 (code -32005, "limit exceeded"); EIP-4444 (history that nodes no longer hold, and its code);
go-ethereum, erigon, nethermind, reth and besu; Alchemy, Infura, QuickNode,
Ankr, Chainstack, Blast, BlockPI, dRPC, Cloudflare, Tenderly and public nodes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from governance.errors import ChainError, ChainUnavailable, RangeTooLarge, RateLimited

if TYPE_CHECKING:
    from re import Pattern

LIMIT_EXCEEDED = -32005
HISTORY_PRUNED = 4444
BATCH = "batch"
"""The method that a batch's refusal as a whole is of."""

_ABOUT_BLOCKS = frozenset({BATCH, "eth_getLogs", "eth_getBlockReceipts"})


def _words(*alternatives: str) -> Pattern[str]:
    return re.compile("|".join(alternatives))


_BATCH_TOO_LONG = _words(
    r"batch (?:is |request |size |call )*too (?:large|big|long)",
    r"batch (?:request |size |call )*(?:limit|of more than|exceeds|larger)",
    r"(?:max(?:imum)?|exceed\w*|too many|limit)\b.{0,40} (?:in|per|of) (?:a |one |the |single )*batch",
    r"max\w* batch",
    r"batch(?:es|ed requests)? (?:are |is )?(?:not (?:supported|allowed)|limited to)",
)
_TOO_OFTEN = _words(
    r"rate.?limit|too many requests|request rate|call rate|slow down|over quota|quota (?:reached|exceeded)",
    r"requests? (?:count|limit)|per.?second|/second|compute units|throughput|capacity (?:limit|exceeded)",
    r"credits? (?:exceeded|exhausted|limit)|(?:daily|monthly) (?:limit|relay|usage)",
    r"concurrent (?:requests|connections)",
)
_NOT_YET = _words(
    r"beyond (?:current |the )*(?:head|latest)",
    r"(?:after|greater than|higher than|past) (?:the )*(?:last|latest|current|best) (?:accepted )?(?:block|head)",
    r"(?:from|to)_?block .{0,20}(?:future|not (?:yet )?available)|block is (?:in the future|not yet)",
)
_MISUSE = _words(
    r"invalid block range", r"(?:from|begin|start)_?block .{0,20}(?:greater|after|larger|higher) .{0,20}to"
)
_TOO_MANY = _words(
    r"more than [\d,]+k? (?:results|logs|events|blocks)|too many (?:logs|results|events|blocks)",
    r"max(?:imum)?\.? (?:\w+ ){0,3}(?:results|logs|events)",
    r"\b(?:result|log)s? (?:set |count )?(?:is )?(?:too|limit|exceed)",
    r"logs? (?:matched|matching)|reduce (?:the |your )*(?:query|block|range)",
)
_TOO_HEAVY = _words(
    r"(?:response|answer|body|payload|content|entity|message|result)\b.{0,30}(?:too (?:large|big)|larger than|exceed)",
    r"(?:response|result) size|max(?:imum)? (?:response|message|body)|exceeded max limit of \d+",
)
_TOO_WIDE = _words(
    r"(?:block|blocks?|query) ?range|range of blocks|ranges? over|range limit|max(?:imum)? (?:\w+ ){0,3}range",
    r"ranges? (?:is |are |size )?(?:too|exceed|limit|larger|bigger|greater)|exceed\w* .{0,30}range",
    r"range [\d,]+ (?:is|exceeds)|limited to (?:a |an |0 ?- ?)*[\d,]+k?\b.{0,12}(?:blocks?|range)|number of blocks",
)
_PRUNED = _words(r"\bprun(?:ed|ing)\b", r"history (?:has |is |was )?(?:been )?expired", r"expired history")
_TOO_SLOW = _words(r"time.?d? ?out", r"deadline exceeded", r"took too long", r"query duration", r"execution aborted")
_BUSY = _words(
    r"no (?:healthy )?(?:backend|upstream|node)", r"temporar", r"try again", r"unavailable", r"overload", r"unhealthy"
)

_PAIR = re.compile(r"(0x[0-9a-f]+|\b\d+) ?(?:,|-|to) ?(0x[0-9a-f]+|\d+)\b")
_NUMBER = re.compile(r"(?<![\w.,/-])(\d{1,3}(?:,\d{3})+|\d+)(k)?\b(?!\.\w)")
_ADDRESS = re.compile(r"\w+://\S+")


def recognise(said: str, *, code: object, method: str, more: str = "") -> ChainError | None:
    """Return the error that a node's words mean, or None when they are about no limit.

    Parameters
    ----------
    said : str
        The node's message, fit to be shown.
    code : object
        Its JSON-RPC code.
    method : str
        What was asked; `BATCH` when a batch was refused as a whole.
    more : str
        What else it sent, which is read but not shown.
    """
    text = _ADDRESS.sub("", f"{said} {more}".lower())
    about_blocks = method in _ABOUT_BLOCKS
    if code == HISTORY_PRUNED or _PRUNED.search(text):
        return ChainError(f"The node no longer holds these blocks: {said}.", kind="pruned")
    if _BATCH_TOO_LONG.search(text):
        return _too_large(said, hint=max(_smallest(text) - 1, 0))  # one place of the batch is the question for logs
    if _TOO_OFTEN.search(text):
        return RateLimited(f"The node asks to slow down: {said}.", method=method, retry_after=0)
    if about_blocks:
        return _about_blocks(said, text, code)
    if code == LIMIT_EXCEEDED:
        return RateLimited(f"The node asks to slow down: {said}.", method=method, retry_after=0)
    if _TOO_SLOW.search(text) or _BUSY.search(text):
        return ChainUnavailable(f"The node is too busy for {method}: {said}.", method=method)
    return None


def _about_blocks(said: str, text: str, code: object) -> ChainError | None:
    if _NOT_YET.search(text):
        return ChainError(f"The node does not hold these blocks (yet): {said}.", kind="lagging")
    if _MISUSE.search(text):
        return None
    counted = _TOO_MANY.search(text) or _TOO_HEAVY.search(text)
    if counted or _TOO_WIDE.search(text):
        return _too_large(said, hint=_blocks(text, counted=counted is not None))
    if _TOO_SLOW.search(text) or code == LIMIT_EXCEEDED:
        return _too_large(said, hint=0)
    return ChainUnavailable(f"The node is too busy: {said}.") if _BUSY.search(text) else None


def _too_large(said: str, *, hint: int) -> RangeTooLarge:
    return RangeTooLarge(f"The node refuses so much at once: {said}.", hint=hint)


def _blocks(text: str, *, counted: bool) -> int:
    """Return the number of blocks that a refusal says would do; 0 when it gives none.

    ``counted`` says that its numbers may be of logs or bytes, so that only a range helps.
    """
    for first, last in _PAIR.findall(text):
        size = int(last, 0) - int(first, 0) + 1 if _same_base(first, last) else 0
        if size > 0 and first != "0":
            return size
    about_blocks = re.search(r"([\d,]+k?) block range", text) if counted else None
    return _smallest(about_blocks[1] if about_blocks else "" if counted else text)


def _same_base(first: str, last: str) -> bool:
    return first.startswith("0x") == last.startswith("0x")


def _smallest(text: str) -> int:
    found = (int(digits.replace(",", "")) * (1_000 if thousand else 1) for digits, thousand in _NUMBER.findall(text))
    return min((number for number in found if number > 0), default=0)
