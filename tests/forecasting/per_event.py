"""The reference for derivation: one event after the other, one object a log, as simple as it can be written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from forecasting.history import list_reserves
from forecasting.models import Liquidation, ParameterChange, Price
from governance.chain import store
from governance.deployments import protocol_of
from governance.domain import events
from tests.forecasting.happenings import NoChain


def derive(deployment, *, to_block: int, client=None) -> list[tuple[object, ...]]:
    """Return the rows that the logs up to ``to_block`` make, in the order of `derived`."""
    protocol = protocol_of(deployment)
    told = Told(list_reserves(deployment, protocol, client or NoChain(), to_block=to_block), protocol.ledger())
    topics = protocol.fact_topics
    for log in store.read_logs(deployment, first=deployment.first_block, last=to_block, topics=topics):
        for said in protocol.decode(log):
            for event in protocol.expand(told.ledger, said):
                told.take(log, event)
    told.changes.sort(key=lambda row: (row[4], row[7], row[1]))
    return [*sorted(told.prices.values()), *told.changes, *told.liquidations]


@dataclass
class Told:
    reserves: dict
    ledger: Any
    prices: dict = field(default_factory=dict)
    changes: list = field(default_factory=list)
    liquidations: list = field(default_factory=list)

    def take(self, log, event) -> None:
        if isinstance(event, events.ParameterSet):
            self.change(log, event)
        self.ledger.apply(event, log.timestamp)
        if isinstance(event, events.PricePublished):
            self.price(log, self.ledger.assets_of(event.feed))
        elif isinstance(event, (events.FeedChosen, events.ReserveListed)):
            self.price(log, [event.asset] if event.asset in self.ledger.reserves else [])
        elif isinstance(event, events.Liquidated):
            self.liquidation(log, event)

    def price(self, log, assets) -> None:
        for asset in assets:
            if (value := self.ledger.price(asset)) > 0:
                reserve = self.reserves[asset].pk
                self.prices[reserve, log.block_number] = (reserve, log.block_number, log.timestamp, value)

    def change(self, log, event) -> None:
        old = self.ledger.parameter(event.asset, event.parameter)
        if old != event.value:
            where = (log.block_number, log.timestamp, f"0x{log.tx_hash.hex()}", log.log_index)
            self.changes.append((self.reserves[event.asset].pk, event.parameter, old, event.value, *where))

    def liquidation(self, log, event) -> None:
        assets = (event.collateral, event.debt)
        amounts = (event.debt_covered, event.collateral_seized, *map(self.ledger.price, assets))
        reserves = (self.reserves[asset].pk for asset in assets)
        self.liquidations.append((event.account, *reserves, *amounts, f"0x{log.tx_hash.hex()}"))


def derived() -> list[tuple[object, ...]]:
    """Return the rows that are stored."""
    return [
        *Price.objects.order_by("reserve", "block_number").values_list("reserve", "block_number", "timestamp", "price"),
        *ParameterChange.objects.order_by("block_number", "log_index", "parameter").values_list(
            "reserve", "parameter", "old", "new", "block_number", "timestamp", "tx_hash", "log_index"
        ),
        *Liquidation.objects.order_by("block_number", "log_index").values_list(
            "account",
            "collateral",
            "debt",
            "debt_covered",
            "collateral_seized",
            "collateral_price",
            "debt_price",
            "tx_hash",
        ),
    ]
