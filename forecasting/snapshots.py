"""The whole book at one block: rebuilt from events, stored, and compared with the contract's own numbers."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction

from forecasting import books, checkpoints, pruning, readings
from forecasting.books import ledger_at, rebuild
from forecasting.models import AccountState, Position, Reserve, ReserveState, Snapshot
from governance.bulk import analyze, copy_rows
from governance.chain import store
from governance.deployments import protocol_of
from governance.domain.position import Book
from governance.errors import GapInData, ImplausibleData
from governance.models import Block

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from governance.chain.client import Client
    from governance.domain.statement import AccountLine, Statement
    from governance.models import Deployment
    from governance.protocols.base import Check

__all__ = ["Mismatch", "ReconcileReport", "rebuild", "reconcile", "snapshot"]

POSITION_COLUMNS = ("snapshot_id", "reserve_id", "account", "collateral", "debt", "used_as_collateral")
ACCOUNT_COLUMNS = (
    "snapshot_id",
    "account",
    "collateral_base",
    "debt_base",
    "ltv",
    "liquidation_threshold",
    "health_factor",
    "emode_category",
    "own",
)
COMPARED = ("collateral_base", "debt_base", "liquidation_threshold", "ltv", "health_factor")
STORED = (
    "price",
    "liquidity_index",
    "variable_borrow_index",
    "liquidity_rate",
    "variable_borrow_rate",
    "ltv",
    "liquidation_threshold",
    "liquidation_bonus",
    "supply_cap",
    "borrow_cap",
    "total_supply",
    "total_debt",
    "emode_category",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One number that differs between the rebuilt book and the contract.

    Attributes
    ----------
    account : str
        Whose number it is; an asset's address for a number of the whole market.
    block_number : int
    field : str
    collected, contract : int
        What was rebuilt, and what the contract says.
    """

    account: str
    block_number: int
    field: str
    collected: int
    contract: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileReport:
    """How a snapshot compares with the contract.

    Attributes
    ----------
    block_number : int
    accounts_compared : int
    numbers_compared : int
        Of accounts and of the market.
    health_mismatches : int
        Accounts (and assets) of which a number differs.
    fields : Mapping[str, tuple[int, int]]
        What was compared -> how many numbers, and how many of them differ.
    findings : tuple of Mismatch
    """

    block_number: int
    accounts_compared: int
    numbers_compared: int
    health_mismatches: int
    fields: Mapping[str, tuple[int, int]]
    findings: tuple[Mismatch, ...]


def snapshot(deployment: Deployment, *, block: int | None = None, client: Client | None = None) -> Snapshot:
    """Freeze the book at ``block`` (None: the last one that is collected); the same block twice is one snapshot.

    One that is held of the block is only returned when the same code made it from the same logs. Otherwise the book is
    rebuilt and takes its place; what is cited keeps its place, and has to be what the logs say now.

    Parameters
    ----------
    deployment : Deployment
    block : int or None
    client : Client or None
        Of a node that can answer for ``block``, where the protocol's logs do not say all; None for the default one.

    Raises
    ------
    GapInData
        When the logs up to ``block`` are not complete or contradict themselves, or no longer say what a cited snapshot
        says.
    ImplausibleData
        When no book can be what the logs and the node say; what the node says otherwise by now is asked for anew.
    StaleData
        When something must be read at ``block`` and the node no longer holds its state.
    """
    number = store.covered_to(deployment) if block is None else block
    header = Block.objects.filter(chain=deployment.chain_id, number=number).first()
    if header is None:
        message = f"Block {number} of {deployment.name} is not collected; run collect."
        raise GapInData(message, block=number)
    block_id = f"0x{bytes(header.hash).hex()}"
    books.require_collected(deployment, block=number)
    basis = {"coverage_digest": store.digest(deployment, number), "decoder": checkpoints.decoder(deployment)}
    rows = Snapshot.objects.filter(deployment=deployment, block_number=number, block_hash=block_id)
    held = rows.first()
    if held is not None and all(getattr(held, name) == value for name, value in basis.items()):
        return held
    try:
        book = _book(deployment, header=header, block_id=block_id, client=client)
    except ImplausibleData:
        readings.forget_lies(deployment, block=number, client=client)
        raise
    statement, content = protocol_of(deployment).statement(book), _content_hash(block_id, book)
    with transaction.atomic():
        if (cited := _give_way(held)) is not None:
            return _require_same(cited, content)
        made, created = Snapshot.objects.get_or_create(
            deployment=deployment,
            block_number=number,
            block_hash=block_id,
            defaults=basis | {"timestamp": header.timestamp, "dataset_hash": content},
        )
        if created:
            _store(made, statement)
    return made


def _give_way(held: Snapshot | None) -> Snapshot | None:
    """Delete a snapshot that is to be made anew; return it when it is cited, and therefore stays."""
    if held is None:
        return None
    row = Snapshot.objects.select_for_update().filter(pk=held.pk).first()
    return row if row is not None and (row.pinned or not pruning.discard(row)) else None


def _require_same(cited: Snapshot, content: str) -> Snapshot:
    """Return a cited snapshot, which must be what the logs say now."""
    if cited.dataset_hash == content:
        return cited
    message = (
        f"The snapshot {cited.dataset_hash} of {cited.deployment.name} at block {cited.block_number} is cited, but the"
        f" logs that are collected now make {content} of that block."
    )
    raise GapInData(message, block=cited.block_number, snapshot=cited.pk, held=cited.dataset_hash, made=content)


def _book(deployment: Deployment, *, header: Block, block_id: str, client: Client | None) -> Any:  # noqa: ANN401 - its own
    """Return the book at a block: from the logs up to it, and from what was read at it."""
    protocol = protocol_of(deployment)
    ledger = ledger_at(deployment, block=header.number)
    checks = protocol.pinned(ledger)
    words = readings.at_block(deployment, checks, block=header.number, block_id=block_id, client=client)
    if protocol.strayed(ledger, words):
        ledger = readings.anchored(deployment, protocol, block=header.number, client=client)
    if more := protocol.untold(ledger, words):
        words |= readings.at_block(deployment, more, block=header.number, block_id=block_id, client=client)
    if checks:
        ledger.observe(words)
    decimals = dict(Reserve.objects.filter(deployment=deployment).values_list("address", "decimals"))
    return ledger.book(timestamp=header.timestamp, decimals=decimals)


def _store(made: Snapshot, statement: Statement) -> None:
    reserves = {reserve.address: reserve for reserve in Reserve.objects.filter(deployment=made.deployment_id)}
    ReserveState.objects.bulk_create(
        ReserveState(
            snapshot=made,
            reserve=reserves[line.asset],
            own=_digits(line.own),
            **{name: getattr(line, name) for name in STORED},
        )
        for line in statement.reserves
    )
    positions = (row for account in statement.accounts for row in _positions(made, account, reserves))
    copy_rows(Position, POSITION_COLUMNS, positions)
    copy_rows(AccountState, ACCOUNT_COLUMNS, (_account_row(made, account) for account in statement.accounts))
    analyze(Position, AccountState)


def _positions(made: Snapshot, account: AccountLine, reserves: dict[str, Reserve]) -> Iterator[tuple[Any, ...]]:
    for line in account.positions:
        yield made.pk, reserves[line.asset].pk, account.address, line.supplied, line.owed, line.used_as_collateral


def _account_row(made: Snapshot, account: AccountLine) -> tuple[Any, ...]:
    return (
        made.pk,
        account.address,
        account.collateral_base,
        account.debt_base,
        account.ltv,
        account.liquidation_threshold,
        account.health_factor,
        account.emode,
        json.dumps(_digits(account.own)),
    )


def _digits(numbers: Mapping[str, int]) -> dict[str, str]:
    """Return numbers as decimal digits: JSON's own numbers are floats to many readers."""
    return {name: str(number) for name, number in numbers.items()}


def _content_hash(block_id: str, book: Any) -> str:  # noqa: ANN401 - each protocol's own
    """Return the SHA-256 of the book as canonical JSON (keys sorted, integers as decimal digits)."""
    content = {"block": block_id} | (_aave_content(book) if isinstance(book, Book) else asdict(book))
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"0x{hashlib.sha256(text.encode('ascii')).hexdigest()}"


def _aave_content(book: Book) -> dict[str, Any]:
    return {
        "timestamp": book.market.timestamp,
        "reserves": {asset: asdict(state) for asset, state in book.market.reserves.items()},
        "emodes": {str(number): asdict(mode) for number, mode in book.market.emodes.items()},
        "accounts": {address: asdict(account) for address, account in book.accounts.items()},
    }


def reconcile(made: Snapshot, *, client: Client) -> ReconcileReport:
    """Compare every account of a snapshot with what the contract says at the same block, digit by digit.

    When something differs, what was read for the snapshot is read again; what a node then says otherwise is forgotten,
    and the next `snapshot` of the block makes its book anew.

    Raises
    ------
    StaleData
        When the node no longer holds that block, or holds another one of that number.
    ChainError
        When the node cannot answer for that block.
    """
    claims = list(_claims(made))
    calls = [check.call for _, check, _ in claims]
    answers = readings.read_pinned(
        client, calls, block=made.block_number, block_id=made.block_hash, deployment=made.deployment
    )
    findings = tuple(
        Mismatch(account=whose, block_number=made.block_number, field=check.field, collected=ours, contract=theirs)
        for whose, check, ours in claims
        if ours != (theirs := check.read(answers[check.call]))
    )
    if findings and readings.forget_lies(made.deployment, block=made.block_number, client=client):
        Snapshot.objects.filter(pk=made.pk).update(decoder="")
    return ReconcileReport(
        block_number=made.block_number,
        accounts_compared=made.accounts.count(),
        numbers_compared=len(claims),
        health_mismatches=len({finding.account for finding in findings}),
        fields=_by_field((check.field for _, check, _ in claims), (finding.field for finding in findings)),
        findings=findings,
    )


def _claims(made: Snapshot) -> Iterator[tuple[str, Check, int]]:
    """Yield whose number it is, where the contract says it, and what was rebuilt, for every number of a snapshot."""
    protocol = protocol_of(made.deployment)
    for row in made.accounts.order_by("account").iterator():
        shared = {name: getattr(row, name) for name in COMPARED if name in row.own or not row.own}
        ours = row.own | shared  # the columns that pages show, where the contract says them too
        for check in protocol.account_checks(row.account, ours):
            yield row.account, check, int(ours[check.field])
    for state in made.reserve_states.select_related("reserve"):
        numbers = {name: int(number) for name, number in state.own.items()}
        for check in protocol.reserve_checks(state.reserve.address, numbers):
            yield state.reserve.address, check, numbers[check.field]


def _by_field(compared: Iterable[str], differing: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Return how many numbers were compared of each kind (``collateral:0x…`` is one kind), and how many differ."""
    wrong = Counter(field.partition(":")[0] for field in differing)
    return {
        field: (count, wrong[field])
        for field, count in sorted(Counter(field.partition(":")[0] for field in compared).items())
    }
