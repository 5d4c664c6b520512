"""A folder of archived governance: ``{chain}/events/{contract}.json`` and the state dumps beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance.archive.entries import ArchivedLog, Removal, first_seen, read_entry
from governance.archive.readings import PAYLOADS, PROPOSALS, normal
from governance.chain.abi import checksum
from governance.domain.canonical import digest
from governance.errors import InputError

EVENTS = "events"
KINDS = (EVENTS, PROPOSALS, PAYLOADS)
_LONGEST, _LIMIT = 19, 1 << 63  # digits of the largest number that a database holds, and what it is below


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedFile:
    """What one file holds.

    Attributes
    ----------
    path : str
        Relative to the folder.
    kind : str
        One of `KINDS`.
    contract : str
        The contract that it is named after, checksummed.
    content : str
        Hash of what it says, whatever the order of its entries and however often each is there.
    entries : int
        How many entries it has; duplicates and removed logs count.
    removed : int
        How many of them a reorganisation had removed.
    logs : tuple of ArchivedLog
        Each log once (of `EVENTS`), without those that an entry marked as removed takes back.
    removals : frozenset of Removal
        Those entries.
    records : Mapping of int to Mapping
        Proposal or payload id -> what the contract said of it (of the other kinds).
    findings : tuple of str
        What is odd about single entries, sorted.
    """

    path: str
    chain_id: int
    kind: str
    contract: str
    content: str
    entries: int
    removed: int
    logs: tuple[ArchivedLog, ...]
    removals: frozenset[Removal]
    records: Mapping[int, Mapping[str, Any]]
    findings: tuple[str, ...]


def paths(folder: Path) -> list[Path]:
    """Return the files of an archive, sorted.

    Raises
    ------
    InputError
        When ``folder`` is no such archive.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder.", field="folder", value=folder)
    found = [path for kind in KINDS for path in folder.glob(f"*/{kind}/*.json") if _is_number(path.parts[-3])]
    if not any(path.parts[-2] == EVENTS for path in found):
        message = (
            f"{folder} holds no archive: a folder for each chain is expected in it, named by its number, with"
            " events/CONTRACT.json and, if there are, proposals/CONTRACT.json and payloads/CONTRACT.json."
        )
        raise InputError(message, field="folder", value=folder)
    return sorted(found)


def read(path: Path, *, folder: Path) -> ArchivedFile:
    """Return what the file at ``path`` in ``folder`` holds.

    Raises
    ------
    InputError
        When it is no JSON, or not of the shape that its place promises.
    ImplausibleData
        When two of its entries contradict each other.
    """
    chain, kind, _ = path.relative_to(folder).parts
    shown = str(path.relative_to(folder))
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_float=str, parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not readable as JSON: {error}", field="file", value=path) from error
    try:
        contract = checksum(path.stem)
    except InputError as error:
        message = f"{path} is not named after a contract, e.g. 0x{'0' * 40}.json."
        raise InputError(message, field="file", value=path) from error
    if len(chain) > _LONGEST or chain.startswith("0") or int(chain) >= _LIMIT:
        raise InputError(f"{path}: {chain[:80]} is no chain's number.", field="chain", value=chain[:80])
    read_as = _events if kind == EVENTS else _records
    return read_as(found, path=shown, chain_id=int(chain), kind=kind, contract=contract)


def without(logs: Iterable[ArchivedLog], removals: Iterable[Removal]) -> tuple[list[ArchivedLog], set[str]]:
    """Return ``logs`` without those that ``removals`` take back, and what to tell of each."""
    gone = {(*removal.key, removal.block_hash): removal for removal in removals if removal.block_hash}
    kept, findings = [], set()
    for log in logs:
        removal = gone.get((*log.key, log.block_hash))
        if removal is None:
            kept.append(log)
        else:
            findings.add(removal.finding)
    return kept, findings


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is no number of JSON")


def _events(found: object, *, path: str, chain_id: int, kind: str, contract: str) -> ArchivedFile:
    if not isinstance(found, list):
        raise InputError(f"{path} is not a list of logs.", field="file", value=path)
    logs, removals, findings = [], set(), set()
    for number, entry in enumerate(found):
        log, odd = read_entry(entry, chain_id=chain_id, address=contract, where=f"{path}, entry {number}")
        if isinstance(log, Removal):
            removals.add(log)
        else:
            logs.append(log)
        findings |= {odd} - {""}
    # In two steps: a copy without its block's hash is the same log as one with it, and goes with it.
    standing, taken = without(first_seen(logs).values(), removals)
    findings |= taken
    kept = {log.key: log for log in standing}
    ordered = tuple(sorted(kept.values(), key=lambda log: (log.block_number, log.log_index, log.tx_hash)))
    return ArchivedFile(
        path=path,
        chain_id=chain_id,
        kind=kind,
        contract=contract,
        content=_content(ordered),
        entries=len(found),
        removed=len(found) - sum(log.key in kept for log in logs),
        logs=ordered,
        removals=frozenset(removals),
        records={},
        findings=tuple(sorted(findings)),
    )


def _records(found: object, *, path: str, chain_id: int, kind: str, contract: str) -> ArchivedFile:
    if not isinstance(found, dict) or not all(isinstance(record, dict) for record in found.values()):
        raise InputError(f"{path} does not give each {kind[:-1]} under its id.", field="file", value=path)
    records = dict(_numbered(found, path, kind))
    for number, record in records.items():
        for name, expected in (("chainId", chain_id), ("payloadsController", contract), ("id", number)):
            if record.get(name, expected) != expected:
                message = f"{path}, id {number}: the field {name} is {record[name]!r}; {expected} would be right."
                raise InputError(message, field=name, value=record[name])
    return ArchivedFile(
        path=path,
        chain_id=chain_id,
        kind=kind,
        contract=contract,
        content=digest({str(number): record for number, record in records.items()}),
        entries=len(found),
        removed=0,
        logs=(),
        removals=frozenset(),
        records=dict(sorted(records.items())),
        findings=(),
    )


def _numbered(found: Mapping[str, Any], path: str, kind: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for key, record in found.items():
        if not _is_number(key) or len(key) > _LONGEST or str(int(key)) != key or int(key) >= _LIMIT:
            shown = ascii(key)[:80]
            raise InputError(f"{path}: {shown} is no id; a whole number would be right.", field="id", value=shown)
        yield int(key), normal(record, kind=kind, where=f"{path}, id {key}")


def _content(logs: tuple[ArchivedLog, ...]) -> str:
    made = hashlib.sha256()
    for log in sorted(logs, key=lambda log: log.key):
        head = (log.chain_id, log.log_index, log.block_number, log.timestamp if log.timestamp is not None else -1)
        parts = (log.tx_hash, bytes.fromhex(log.address[2:]), log.block_hash, *log.topics, log.data)
        made.update(repr((head, parts, log.encoded)).encode())
    return f"0x{made.hexdigest()}"
