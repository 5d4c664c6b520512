"""The whole book at one block: rebuilt from events, stored, and compared with the contract's own numbers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction

from forecasting.models import AccountState, Position, Reserve, ReserveState, Snapshot
from governance.bulk import analyze, copy_rows
from governance.chain import store
from governance.chain.logs import block_hash
from governance.deployments import protocol_of
from governance.domain.ledger import Ledger
from governance.domain.position import health
from governance.errors import GapInData, StaleData
from governance.models import Block

if TYPE_CHECKING:
    from collections.abc import Iterator

    from governance.chain.client import Client
    from governance.domain.position import Account, Book
    from governance.models import Deployment
    from governance.protocols.base import AccountData

BATCH = 250  # calls in one JSON-RPC batch

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
)
COMPARED = ("collateral_base", "debt_base", "liquidation_threshold", "ltv", "health_factor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One number of one account that differs between the rebuilt book and the contract."""

    account: str
    field: str
    collected: int
    contract: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileReport:
    """How a snapshot compares with the contract: accounts compared, accounts that differ, and how they do."""

    block_number: int
    accounts_compared: int
    health_mismatches: int
    findings: tuple[Mismatch, ...]


def rebuild(deployment: Deployment, *, block: int) -> Book:
    """Return the book at the end of ``block``, rebuilt from the collected logs.

    Raises
    ------
    GapInData
        When the logs up to ``block`` are not complete.
    """
    covered = store.covered_to(deployment)
    if not deployment.first_block <= block <= covered:
        message = f"Block {block} is not collected: {deployment.name} is complete up to block {covered}. Run collect."
        raise GapInData(message, block=block, covered=covered)
    protocol = protocol_of(deployment)
    ledger = Ledger()
    for log in store.read_logs(deployment, first=deployment.first_block, last=block, topics=protocol.book_topics):
        for event in protocol.decode(log):
            ledger.apply(event, log.timestamp)
    decimals = dict(Reserve.objects.filter(deployment=deployment).values_list("address", "decimals"))
    timestamp = Block.objects.get(chain=deployment.chain_id, number=block).timestamp
    return ledger.book(timestamp=timestamp, decimals=decimals)


def snapshot(deployment: Deployment, *, block: int | None = None) -> Snapshot:
    """Freeze the book at ``block`` (None: the last one that is collected); the same block twice is one snapshot.

    Raises
    ------
    GapInData
        When the logs up to ``block`` are not complete, or contradict themselves.
    """
    number = store.covered_to(deployment) if block is None else block
    header = Block.objects.filter(chain=deployment.chain_id, number=number).first()
    if header is None:
        message = f"Block {number} of {deployment.name} is not collected; run collect."
        raise GapInData(message, block=number)
    block_id = f"0x{bytes(header.hash).hex()}"
    held = Snapshot.objects.filter(deployment=deployment, block_number=number, block_hash=block_id).first()
    if held is not None:
        return held
    book = rebuild(deployment, block=number)
    with transaction.atomic():
        made, created = Snapshot.objects.get_or_create(
            deployment=deployment,
            block_number=number,
            block_hash=block_id,
            defaults={
                "timestamp": header.timestamp,
                "coverage_digest": store.digest(deployment, number),
                "dataset_hash": _content_hash(block_id, book),
            },
        )
        if created:
            _store(made, book)
    return made


def _store(made: Snapshot, book: Book) -> None:
    reserves = {reserve.address: reserve for reserve in Reserve.objects.filter(deployment=made.deployment_id)}
    market = book.market
    ReserveState.objects.bulk_create(
        ReserveState(
            snapshot=made,
            reserve=reserves[asset],
            price=state.price,
            liquidity_index=state.income_index(market.timestamp),
            variable_borrow_index=state.debt_index(market.timestamp),
            liquidity_rate=state.liquidity_rate,
            variable_borrow_rate=state.variable_borrow_rate,
            total_supply=state.total_supply(market.timestamp),
            total_debt=state.total_debt(market.timestamp),
            emode_category=state.emode_category,
            **state.parameters,
        )
        for asset, state in market.reserves.items()
    )
    accounts = book.accounts.values()
    positions = (row for account in accounts for row in _positions(made, account, book, reserves))
    copy_rows(Position, POSITION_COLUMNS, positions)
    copy_rows(AccountState, ACCOUNT_COLUMNS, (_account_row(made, account, book) for account in accounts))
    analyze(Position, AccountState)


def _positions(made: Snapshot, account: Account, book: Book, reserves: dict[str, Reserve]) -> Iterator[tuple[Any, ...]]:
    timestamp = book.market.timestamp
    for asset, holding in account.holdings.items():
        state = book.market.reserves[asset]
        supplied, owed = holding.supplied(state, timestamp), holding.owed(state, timestamp)
        if supplied or owed:
            yield made.pk, reserves[asset].pk, account.address, supplied, owed, holding.used_as_collateral


def _account_row(made: Snapshot, account: Account, book: Book) -> tuple[Any, ...]:
    found = health(account, book.market)
    return (
        made.pk,
        account.address,
        found.collateral_base,
        found.debt_base,
        found.ltv,
        found.liquidation_threshold,
        found.health_factor,
        account.emode,
    )


def _content_hash(block_id: str, book: Book) -> str:
    """Return the SHA-256 of the book as canonical JSON (keys sorted, integers as decimal digits)."""
    content = {
        "block": block_id,
        "timestamp": book.market.timestamp,
        "reserves": {asset: asdict(state) for asset, state in book.market.reserves.items()},
        "emodes": {str(number): asdict(mode) for number, mode in book.market.emodes.items()},
        "accounts": {address: asdict(account) for address, account in book.accounts.items()},
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"0x{hashlib.sha256(text.encode('ascii')).hexdigest()}"


def reconcile(made: Snapshot, *, client: Client) -> ReconcileReport:
    """Compare every account of a snapshot with what the contract says at the same block, digit by digit.

    Raises
    ------
    StaleData
        When the node no longer holds that block, or holds another one of that number.
    ChainError
        When the node cannot answer for that block.
    """
    if block_hash(client, made.block_number) != made.block_hash:
        message = (
            f"The node does not hold block {made.block_number} of the snapshot any more; collect and snapshot again."
        )
        raise StaleData(message, block=made.block_number)
    protocol = protocol_of(made.deployment)
    rows = list(made.accounts.order_by("account"))
    calls = protocol.account_calls([row.account for row in rows])
    findings: list[Mismatch] = []
    for start in range(0, len(rows), BATCH):
        answers = client.eth_calls(calls[start : start + BATCH], block=made.block_number)
        for row, answer in zip(rows[start : start + BATCH], answers, strict=True):
            findings.extend(_differences(row, protocol.account_data(answer)))
    return ReconcileReport(
        block_number=made.block_number,
        accounts_compared=len(rows),
        health_mismatches=len({finding.account for finding in findings}),
        findings=tuple(findings),
    )


def _differences(row: AccountState, contract: AccountData) -> Iterator[Mismatch]:
    for name in COMPARED:
        ours, theirs = int(getattr(row, name)), int(getattr(contract, name))
        if ours != theirs:
            yield Mismatch(account=row.account, field=name, collected=ours, contract=theirs)
