"""Facts from raw logs: reserves, prices, parameter changes and liquidations, up to a cursor.

Each run continues where the last one ended. After a reorganisation the rows above its common ancestor are deleted
and derived anew, so the tables always equal what a derivation from the first block would give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Min

from forecasting.models import Derivation, Liquidation, ParameterChange, Price, Reserve
from governance.bulk import analyze, copy_rows
from governance.chain import store
from governance.deployments import protocol_of
from governance.domain import events
from governance.domain.ledger import Ledger
from governance.models import Reorg

if TYPE_CHECKING:
    from collections.abc import Iterable

    from governance.chain.client import Client
    from governance.chain.store import LogRow
    from governance.domain.events import Event
    from governance.models import Deployment
    from governance.protocols.base import Protocol

MANY_ROWS = 1_000  # new rows from which the database's statistics are renewed at once
PRICE_COLUMNS = ("reserve_id", "block_number", "timestamp", "price")
CHANGE_COLUMNS = ("reserve_id", "parameter", "old", "new", "block_number", "timestamp", "tx_hash", "log_index")
LIQUIDATION_COLUMNS = (
    "deployment_id",
    "account",
    "liquidator",
    "collateral_id",
    "debt_id",
    "debt_covered",
    "collateral_seized",
    "collateral_price",
    "debt_price",
    "block_number",
    "timestamp",
    "tx_hash",
    "log_index",
)


def derive(deployment: Deployment, *, client: Client, to_block: int) -> int:
    """Derive every fact up to ``to_block`` that is not derived yet; return the number of new rows.

    Must run inside a transaction; the cursor's row is locked, so that two runs cannot overlap.
    """
    Derivation.objects.get_or_create(
        deployment=deployment,
        defaults={"block_number": deployment.first_block - 1, "reorg_id": _last_reorg(deployment)},
    )
    cursor = Derivation.objects.select_for_update().get(deployment=deployment)
    newest = _last_reorg(deployment)  # asked once: one that is recorded meanwhile is for the next run
    cursor.block_number = _take_back(deployment, cursor, newest=newest)
    cursor.reorg_id = newest
    rows = 0
    if to_block > cursor.block_number:
        protocol = protocol_of(deployment)
        reserves = list_reserves(deployment, protocol, client, to_block=to_block)
        facts = _Facts(deployment, reserves, _ledger_at(deployment, protocol, cursor.block_number))
        topics = protocol.fact_topics
        facts.read(protocol, store.read_logs(deployment, first=cursor.block_number + 1, last=to_block, topics=topics))
        rows = facts.write()
        cursor.block_number = to_block
    cursor.save()
    return rows


def feeds_ever_used(deployment: Deployment, *, to_block: int) -> set[str]:
    """Return the price feeds that listed assets have used so far."""
    protocol = protocol_of(deployment)
    said = [event for _, event in _config_events(deployment, protocol, to_block)]
    listed = {event.asset for event in said if isinstance(event, events.ReserveListed)}
    listed |= {event.price_source for event in said if isinstance(event, events.EModeDefined)}
    return {e.feed for e in said if isinstance(e, events.FeedChosen) and e.asset in listed and int(e.feed, 16)}


def list_reserves(deployment: Deployment, protocol: Protocol, client: Client, *, to_block: int) -> dict[str, Reserve]:
    """Return asset -> reserve for everything that was ever listed, made or updated as needed."""
    ledger = Ledger()
    listings: dict[str, events.ReserveListed] = {}
    for log, event in _config_events(deployment, protocol, to_block):
        ledger.apply(event, log.timestamp)
        if isinstance(event, events.ReserveListed):
            listings[event.asset] = event
    held = {reserve.address: reserve for reserve in Reserve.objects.filter(deployment=deployment)}
    new = [asset for asset in ledger.reserves if asset not in held]
    facts = protocol.reserve_facts(client, new) if new else {}
    for index, asset in enumerate(ledger.reserves):
        listed = listings[asset]
        known = {"symbol": facts[asset].symbol, "decimals": facts[asset].decimals} if asset in facts else {}
        held[asset], _ = Reserve.objects.update_or_create(
            deployment=deployment,
            address=asset,
            defaults={
                "index": index,
                "a_token": listed.supply_token,
                "debt_token": listed.variable_debt_token,
                "stable_debt_token": listed.stable_debt_token,
                "feed": ledger.feed(asset),
                **known,
            },
        )
    return held


def _config_events(deployment: Deployment, protocol: Protocol, to_block: int) -> Iterable[tuple[LogRow, Event]]:
    topics = protocol.config_topics
    for log in store.read_logs(deployment, first=deployment.first_block, last=to_block, topics=topics):
        for event in protocol.decode(log):
            yield log, event


def _ledger_at(deployment: Deployment, protocol: Protocol, block: int) -> Ledger:
    """Return a ledger that knows listings, feeds, parameters and prices (no accounts) as of the end of ``block``."""
    ledger = Ledger()
    for log, event in _config_events(deployment, protocol, block):
        ledger.apply(event, log.timestamp)
    for log in store.newest_logs(deployment, topics=protocol.price_topics, last=block):
        for event in protocol.decode(log):
            ledger.apply(event, log.timestamp)
    return ledger


def _last_reorg(deployment: Deployment) -> int:
    newest = Reorg.objects.filter(chain=deployment.chain_id).order_by("-pk").first()
    return newest.pk if newest else 0


def _take_back(deployment: Deployment, cursor: Derivation, *, newest: int) -> int:
    """Delete what reorganisations since the last run made void; return the last block whose facts stay."""
    reorgs = Reorg.objects.filter(chain=deployment.chain_id, pk__gt=cursor.reorg_id, pk__lte=newest)
    ancestor = reorgs.aggregate(lowest=Min("ancestor"))["lowest"]
    if ancestor is None or ancestor >= cursor.block_number:
        return cursor.block_number
    Price.objects.filter(reserve__deployment=deployment, block_number__gt=ancestor).delete()
    ParameterChange.objects.filter(reserve__deployment=deployment, block_number__gt=ancestor).delete()
    Liquidation.objects.filter(deployment=deployment, block_number__gt=ancestor).delete()
    return max(int(ancestor), deployment.first_block - 1)


class _Facts:
    """Rows in the making, while the logs go by."""

    def __init__(self, deployment: Deployment, reserves: dict[str, Reserve], ledger: Ledger) -> None:
        self.deployment = deployment
        self.reserves = reserves
        self.ledger = ledger
        self.prices: dict[tuple[int, int], tuple[Any, ...]] = {}  # one a block: the last
        self.changes: list[tuple[Any, ...]] = []
        self.liquidations: list[tuple[Any, ...]] = []

    def read(self, protocol: Protocol, rows: Iterable[LogRow]) -> None:
        for log in rows:
            for event in protocol.decode(log):
                if isinstance(event, events.ParameterSet):
                    self._change(log, event)
                self.ledger.apply(event, log.timestamp)
                if isinstance(event, events.PricePublished):
                    self._price(log, self.ledger.assets_of(event.feed))
                elif isinstance(event, (events.FeedChosen, events.ReserveListed)):
                    self._price(log, [event.asset] if event.asset in self.reserves else [])
                elif isinstance(event, events.Liquidated):
                    self._liquidation(log, event)

    def write(self) -> int:
        copy_rows(Price, PRICE_COLUMNS, self.prices.values())
        copy_rows(ParameterChange, CHANGE_COLUMNS, self.changes)
        copy_rows(Liquidation, LIQUIDATION_COLUMNS, self.liquidations)
        rows = len(self.prices) + len(self.changes) + len(self.liquidations)
        if rows >= MANY_ROWS:
            analyze(Price, ParameterChange, Liquidation)
        return rows

    def _price(self, log: LogRow, assets: Iterable[str]) -> None:
        for asset in assets:
            price = self.ledger.price(asset)
            if price > 0:
                reserve = self.reserves[asset].pk
                self.prices[reserve, log.block_number] = (reserve, log.block_number, log.timestamp, price)

    def _change(self, log: LogRow, event: events.ParameterSet) -> None:
        old = self.ledger.parameter(event.asset, event.parameter)
        if old != event.value:
            reserve, tx_hash = self.reserves[event.asset].pk, f"0x{log.tx_hash.hex()}"
            self.changes.append(
                (reserve, event.parameter, old, event.value, log.block_number, log.timestamp, tx_hash, log.log_index)
            )

    def _liquidation(self, log: LogRow, event: events.Liquidated) -> None:
        self.liquidations.append(
            (
                self.deployment.pk,
                event.account,
                event.liquidator,
                self.reserves[event.collateral].pk,
                self.reserves[event.debt].pk,
                event.debt_covered,
                event.collateral_seized,
                self.ledger.price(event.collateral),
                self.ledger.price(event.debt),
                log.block_number,
                log.timestamp,
                f"0x{log.tx_hash.hex()}",
                log.log_index,
            )
        )
