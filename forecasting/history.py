"""Facts from raw logs: reserves, prices, parameter changes and liquidations, up to a cursor.

Each run continues where the last one ended. After a reorganisation the rows above its common ancestor are deleted
and derived anew, so the tables always equal what a derivation from the first block would give.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Min, QuerySet

from forecasting.books import ledger_at, require_collected
from forecasting.columns import Words, read_words
from forecasting.models import Checkpoint, Derivation, Liquidation, ParameterChange, Price, Reserve
from forecasting.price_rows import Prices
from governance.bulk import analyze, copy_rows
from governance.chain import finality, store
from governance.deployments import protocol_of
from governance.domain import events
from governance.errors import GapInData
from governance.models import Reorg

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from governance.chain.client import Client
    from governance.chain.store import LogRow
    from governance.models import Deployment
    from governance.protocols.base import Ledger, Protocol

MANY_ROWS = 1_000  # new rows from which the database's statistics are renewed at once
WINDOW = 100_000  # blocks whose prices are in memory at once
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

    Raises
    ------
    GapInData
        When the logs up to ``to_block`` are not complete.
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
        require_collected(deployment, block=to_block)
        protocol = protocol_of(deployment)
        reserves = list_reserves(deployment, protocol, client, to_block=to_block)
        facts = _Facts(deployment, protocol, reserves, _ledger_at(deployment, protocol, cursor.block_number))
        for first in range(cursor.block_number + 1, to_block + 1, WINDOW):
            rows += facts.derive(first=first, last=min(first + WINDOW - 1, to_block))
        if rows >= MANY_ROWS:
            analyze(Price, ParameterChange, Liquidation)
        cursor.block_number = to_block
    cursor.final_block = min(finality.final(client), cursor.block_number)
    cursor.save()
    return rows


def require_derived(deployment: Deployment, *, block: int) -> Derivation:
    """Check that the facts up to ``block`` are complete, and return how far they are.

    Whatever reads history at a block asks this first: rows that are not there yet would count as rows that never were.

    Raises
    ------
    GapInData
        When the logs, or the facts from them, do not reach ``block``.
    """
    require_collected(deployment, block=block)
    cursor = Derivation.objects.filter(deployment=deployment).first()
    reached = deployment.first_block - 1
    if cursor is not None:
        reached = min([cursor.block_number, *_new_reorgs(cursor).values_list("ancestor", flat=True)])
    if cursor is None or reached < block:
        message = f"The history of {deployment.name} is derived up to block {reached}, not to block {block}."
        raise GapInData(f"{message} Run collect.", block=block, first=reached + 1, last=block)
    return cursor


def feeds_ever_used(deployment: Deployment, *, to_block: int) -> set[str]:
    """Return the price feeds that listed assets have used so far."""
    protocol = protocol_of(deployment)
    said = [event for _, event in _config_events(deployment, protocol, protocol.ledger(), to_block)]
    listed = {event.asset for event in said if isinstance(event, events.ReserveListed)}
    listed |= {event.price_source for event in said if isinstance(event, events.EModeDefined)}
    return {e.feed for e in said if isinstance(e, events.FeedChosen) and e.asset in listed and int(e.feed, 16)}


def list_reserves(deployment: Deployment, protocol: Protocol, client: Client, *, to_block: int) -> dict[str, Reserve]:
    """Return asset -> reserve for everything that was ever listed, made or updated as needed."""
    ledger = protocol.ledger()
    listings: dict[str, events.ReserveListed] = {}
    for _, event in _config_events(deployment, protocol, ledger, to_block):
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


def _config_events(
    deployment: Deployment, protocol: Protocol, ledger: Ledger, to_block: int
) -> Iterator[tuple[LogRow, Any]]:
    """Yield what was listed and set so far, after giving it to ``ledger``."""
    topics = protocol.config_topics
    for log in store.read_logs(deployment, first=deployment.first_block, last=to_block, topics=topics):
        for said in protocol.decode(log):
            for event in protocol.expand(ledger, said):
                ledger.apply(event, log.timestamp)
                yield log, event


def _ledger_at(deployment: Deployment, protocol: Protocol, block: int) -> Ledger:
    """Return a ledger that knows listings, feeds, parameters and prices (no accounts) as of the end of ``block``."""
    if block < deployment.first_block:
        return protocol.ledger()
    return ledger_at(deployment, block=block, kind=Checkpoint.Kind.FACTS)


def _last_reorg(deployment: Deployment) -> int:
    newest = Reorg.objects.filter(chain=deployment.chain_id).order_by("-pk").first()
    return newest.pk if newest else 0


def _new_reorgs(cursor: Derivation) -> QuerySet[Reorg]:
    return Reorg.objects.filter(chain=cursor.deployment.chain_id, pk__gt=cursor.reorg_id)


def _take_back(deployment: Deployment, cursor: Derivation, *, newest: int) -> int:
    """Delete what reorganisations since the last run made void; return the last block whose facts stay."""
    ancestor = _new_reorgs(cursor).filter(pk__lte=newest).aggregate(lowest=Min("ancestor"))["lowest"]
    if ancestor is None or ancestor >= cursor.block_number:
        return cursor.block_number
    Price.objects.filter(reserve__deployment=deployment, block_number__gt=ancestor).delete()
    ParameterChange.objects.filter(reserve__deployment=deployment, block_number__gt=ancestor).delete()
    Liquidation.objects.filter(deployment=deployment, block_number__gt=ancestor).delete()
    return max(int(ancestor), deployment.first_block - 1)


class _Facts:
    """Rows in the making: prices as columns, and the rare events between them one by one."""

    def __init__(
        self, deployment: Deployment, protocol: Protocol, reserves: dict[str, Reserve], ledger: Ledger
    ) -> None:
        self.deployment = deployment
        self.protocol = protocol
        self.reserves = reserves
        self.ledger = ledger
        self.prices = Prices()
        self.changes: list[tuple[Any, ...]] = []
        self.liquidations: list[tuple[Any, ...]] = []

    def derive(self, *, first: int, last: int) -> int:
        """Derive and store the facts of some blocks, which follow those of the call before; return their number."""
        many = self.protocol.price_words
        published = read_words(self.deployment, many, first=first, last=last)
        single = self.protocol.fact_topics - many.keys()
        done = 0
        for log in store.read_logs(self.deployment, first=first, last=last, topics=single):
            here = published.before(log.block_number, log.log_index)
            self._publish(published, done, here)
            done = here
            for said in self.protocol.decode(log):
                for event in self.protocol.expand(self.ledger, said):
                    self._take(log, event)
        self._publish(published, done, len(published.block))
        return self._write()

    def _publish(self, published: Words, start: int, stop: int) -> None:
        """Take in a run of prices, between whose logs no event changes an asset's feed; time alone may."""
        turns = start + np.searchsorted(published.timestamp[start:stop], self.ledger.turns())
        for first, last in pairwise((start, *turns.tolist(), stop)):
            self._publish_run(published, first, last)

    def _publish_run(self, published: Words, start: int, stop: int) -> None:
        feeds = published.contract[start:stop]
        for number in dict.fromkeys(feeds.tolist()):
            at = start + np.flatnonzero(feeds == number)
            feed, newest = published.contracts[number], at[-1]
            event = events.PricePublished(feed, int(published.value[newest]))
            self.ledger.apply(event, int(published.timestamp[newest]))
            for asset in self.ledger.assets_of(feed):
                self.prices.add_many(self.reserves[asset].pk, published, at)

    def _take(self, log: LogRow, event: Any) -> None:  # noqa: ANN401 - some ledgers have events of their own
        if isinstance(event, events.ParameterSet):
            self._change(log, event)
        self.ledger.apply(event, log.timestamp)
        if isinstance(event, events.PricePublished):
            self._price(log, self.ledger.assets_of(event.feed))
        elif isinstance(event, (events.FeedChosen, events.ReserveListed)):
            self._price(log, [event.asset] if event.asset in self.ledger.reserves else [])
        elif isinstance(event, events.Liquidated):
            self._liquidation(log, event)

    def _write(self) -> int:
        rows = self.prices.write() + len(self.changes) + len(self.liquidations)
        copy_rows(ParameterChange, CHANGE_COLUMNS, self.changes)
        copy_rows(Liquidation, LIQUIDATION_COLUMNS, self.liquidations)
        self.prices, self.changes, self.liquidations = Prices(), [], []
        return rows

    def _price(self, log: LogRow, assets: Iterable[str]) -> None:
        for asset in assets:
            self.prices.add(self.reserves[asset].pk, log, self.ledger.price(asset))

    def _reserve(self, asset: str) -> int:
        if asset not in self.reserves:
            message = f"A log speaks of {asset}, which was never listed on {self.deployment.name}: logs are missing."
            raise GapInData(message, asset=asset)
        return int(self.reserves[asset].pk)

    def _change(self, log: LogRow, event: events.ParameterSet) -> None:
        old = self.ledger.parameter(event.asset, event.parameter)
        if old != event.value:
            reserve, tx_hash = self._reserve(event.asset), f"0x{log.tx_hash.hex()}"
            self.changes.append(
                (reserve, event.parameter, old, event.value, log.block_number, log.timestamp, tx_hash, log.log_index)
            )

    def _liquidation(self, log: LogRow, event: events.Liquidated) -> None:
        self.liquidations.append(
            (
                self.deployment.pk,
                event.account,
                event.liquidator,
                self._reserve(event.collateral),
                self._reserve(event.debt),
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
