"""Logs as columns and rows from columns: fixed-width words between PostgreSQL's binary COPY and arrays.

One object a log costs microseconds; here a log costs a few bytes of an array. Numbers stay exact: a word that does not
fit 64 bits becomes a Python integer, never a float.

References
----------
PostgreSQL, "COPY", section "Binary Format"; Solidity "Contract ABI Specification" (words of 32 bytes, big-endian).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from django.db import models

from governance.bulk import copy_binary, copying
from governance.chain.coverage import octets
from governance.chain.store import all_addresses, read_logs
from governance.errors import GapInData, ImplausibleData

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.models import Deployment
    from governance.protocols.base import Word
    from governance.protocols.layout import Shape

type Integers = npt.NDArray[np.int64] | npt.NDArray[np.object_]

WORD = 32
_DIGITS = 5  # of base 10,000: enough for every int64
_INT64, _NUMERIC = 8, 2 * (4 + _DIGITS)  # bytes of a field


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One number of each of n logs, in the chain's order.

    Attributes
    ----------
    block, index, timestamp : (n,) int64
        Where each log stands; unix seconds.
    contract : (n,) int64
        Which of ``contracts`` each log is from.
    contracts : tuple of str
        Checksummed addresses.
    value : (n,) int64, or Python integers where one does not fit
    """

    block: npt.NDArray[np.int64]
    index: npt.NDArray[np.int64]
    timestamp: npt.NDArray[np.int64]
    contract: npt.NDArray[np.int64]
    contracts: tuple[str, ...]
    value: Integers

    def before(self, block: int, index: int) -> int:
        """Return how many of the logs stand before log ``index`` of ``block``."""
        first, last = np.searchsorted(self.block, (block, block + 1))
        return int(first + np.searchsorted(self.index[first:last], index))


def read_words(deployment: Deployment, words: Mapping[bytes, Word], *, first: int, last: int) -> Words:
    """Return one number of each collected log of ``deployment`` from block ``first`` to ``last``.

    Parameters
    ----------
    deployment : Deployment
    words : mapping
        First topic -> where the number lies; logs with other topics are left out.
    first, last : int
        Blocks, both included.

    Raises
    ------
    DishonestAnswer
        When a log cannot be of the event that its word is of.
    GapInData
        When its block is no longer held.
    """
    contracts = tuple(sorted(all_addresses(deployment), key=str.lower))  # as their bytes are sorted
    values = {"chain": deployment.chain_id, "first": first, "last": last, "contracts": octets(contracts)}
    by_word: dict[Word, list[bytes]] = {}
    for topic, word in words.items():
        by_word.setdefault(word, []).append(topic)
    parts = [_read(deployment, word, {**values, "topics": topics}) for word, topics in by_word.items()]
    raw = np.concatenate([np.empty(0, _LOG), *(rows for rows, _ in parts)])
    value = np.concatenate([np.empty(0, np.int64), *(numbers for _, numbers in parts)])
    order = np.lexsort((raw["index"], raw["block"]))
    block = raw["block"][order].astype(np.int64)
    return Words(
        block=block,
        index=raw["index"][order].astype(np.int64),
        timestamp=_timestamps(block, values),
        contract=np.searchsorted(np.array(values["contracts"], "S20"), raw["address"][order]),
        contracts=contracts,
        value=value[order],
    )


def _read(deployment: Deployment, word: Word, values: Mapping[str, Any]) -> tuple[npt.NDArray[Any], Integers]:
    """Return rows and numbers; a word that is short is filled with zeros on its left, as a number is."""
    place = f"topic{word.topic}" if word.topic else f"substring(data FROM {WORD * word.at + 1} FOR {WORD})"
    rows = packed(_LOGS.format(word=place, fits=_fits(word.event)), {**values, "zeros": bytes(WORD)}, _LOG)
    if word.event is not None and not rows["fits"].all():
        wrong = rows[~rows["fits"].astype(bool)]
        for log in read_logs(
            deployment, first=wrong["block"].min(), last=wrong["block"].max(), topics=values["topics"]
        ):
            word.event.read(log)  # names the first one
    return rows, integers(rows["word"], signed=word.signed)


def _fits(event: Shape | None) -> str:
    """Return SQL that says whether a log has an event's number of topics and length of data."""
    if event is None:
        return "true"
    sizes = [f"octet_length(topic{number}) = {WORD if number <= len(event.topics) else 0}" for number in (1, 2, 3)]
    return " AND ".join([*sizes, f"octet_length(data) = {WORD * len(event.words)}"])


def integers(words: npt.NDArray[np.uint8], *, signed: bool) -> Integers:
    """Return the (n,) numbers in (n, 32) big-endian bytes: int64 where all fit, or else Python integers."""
    upper, low = words[:, :24], np.ascontiguousarray(words[:, 24:])
    negative = low[:, 0] >= 0x80
    fill = np.where(negative & signed, 0xFF, 0).astype(np.uint8)
    fits = (upper == fill[:, None]).all(axis=1) & (~negative | signed)
    short = low.view(">i8")[:, 0].astype(np.int64)
    if fits.all():
        return short
    exact = short.astype(object)
    for i in np.flatnonzero(~fits):
        exact[i] = int.from_bytes(words[i].tobytes(), "big", signed=signed)
    return exact


def land(model: type[models.Model], columns: Mapping[str, npt.NDArray[np.int64]]) -> None:
    """Insert rows given as columns (database column name -> (n,) int64) by binary COPY.

    Raises
    ------
    ImplausibleData
        When a number below zero is to go into a column of unsigned integers.
    """
    fields = {field.column: field for field in model._meta.concrete_fields}  # noqa: SLF001 - documented
    wide = {name: isinstance(fields[name], models.DecimalField) for name in columns}
    row = np.dtype(
        [("n", ">i2")]
        + [
            part
            for name, is_wide in wide.items()
            for part in (
                (f"{name}.size", ">i4"),
                (name, ">i2", (4 + _DIGITS,)) if is_wide else (name, ">i8"),
            )
        ]
    )
    rows = np.zeros(len(next(iter(columns.values()))), row)
    rows["n"] = len(columns)
    for name, values in columns.items():
        rows[f"{name}.size"] = _NUMERIC if wide[name] else _INT64
        rows[name] = _numeric(values) if wide[name] else values
    copy_binary(model, tuple(columns), rows.tobytes())


def _numeric(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int16]:
    """Return (n, 4 + digits): count of digits, weight of the first, sign, scale; then digits of base 10,000."""
    if (values < 0).any():
        raise ImplausibleData("A number below zero cannot be stored as unsigned.", value=int(values.min()))
    made = np.zeros((len(values), 4 + _DIGITS), np.int16)
    made[:, 0], made[:, 1] = _DIGITS, _DIGITS - 1
    rest = values
    for digit in range(_DIGITS, 0, -1):
        rest, made[:, 3 + digit] = np.divmod(rest, 10_000)
    return made


_LOG = np.dtype([("block", ">i8"), ("index", ">i4"), ("address", "S20"), ("fits", "u1"), ("word", "u1", (WORD,))])
_LOGS = """
    SELECT string_agg(int8send(block_number) || int4send(log_index) || address || boolsend({fits})
                      || substring(%(zeros)s || {word} FROM octet_length({word}) + 1 FOR 32), ''::bytea)
    FROM governance_log
    WHERE chain_id = %(chain)s AND block_number BETWEEN %(first)s AND %(last)s
      AND topic0 = ANY(%(topics)s) AND (address = ANY(%(contracts)s)) IS TRUE
    GROUP BY block_number / 1000
"""
_TIME = np.dtype([("block", ">i8"), ("timestamp", ">i8")])
_TIMES = """
    SELECT string_agg(int8send(number) || int8send(timestamp), ''::bytea ORDER BY number)
    FROM governance_block
    WHERE chain_id = %(chain)s AND number BETWEEN %(first)s AND %(last)s
    GROUP BY number / 100000 ORDER BY number / 100000
"""


def packed(query: str, values: Mapping[str, object], row: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return the fixed-width rows that ``query`` has packed into its values: one ``bytea`` in each of few rows.

    A message for each log would cost more than the log.

    Raises
    ------
    ImplausibleData
        When a value does not consist of whole rows.
    """
    with copying(f"COPY ({query}) TO STDOUT (FORMAT BINARY)", values) as copy:
        copy.set_types(["bytea"])
        parts = [part for (part,) in copy.rows()]
    for part in parts:
        if len(part) % row.itemsize:
            message = f"A value of {len(part)} bytes does not consist of rows of {row.itemsize} bytes."
            raise ImplausibleData(message, size=len(part), row=row.itemsize)
    return np.frombuffer(b"".join(parts), row)


def _timestamps(blocks: npt.NDArray[np.int64], values: Mapping[str, object]) -> npt.NDArray[np.int64]:
    """Return the time of each block, which must be held."""
    held = packed(_TIMES, values, _TIME)
    at = np.searchsorted(held["block"], blocks)
    known = np.append(held["block"], -1)[at] == blocks
    if not known.all():
        number = int(blocks[np.argmin(known)])
        raise GapInData(f"Block {number} was taken back while its logs were read; collect again.", block=number)
    return held["timestamp"][at].astype(np.int64)
