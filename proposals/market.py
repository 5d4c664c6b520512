"""What the database knows of one reserve in a snapshot, as the guardrails want it: exact integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from django.db.models import Max

from forecasting.history import require_derived
from forecasting.models.history import AccountState, ParameterChange, Position, Price, Reserve, ReserveState, Snapshot
from governance.errors import InputError
from governance.protocols.base import Protocol, plugin
from proposals.core.diff import difference
from proposals.core.policy import PolicyBody
from proposals.guardrails import Case, Exposure

WINDOW = 30 * 24 * 3600  # of price history that must have no gap, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One reserve in a snapshot.

    Attributes
    ----------
    protocol : Protocol
        The plugin at the deployment's addresses.
    current : Mapping
        Value of every parameter, as on chain.
    """

    symbol: str
    protocol: Protocol
    current: Mapping[str, int]
    supplied: int
    borrowed: int
    exposures: tuple[Exposure, ...]
    last_changed: Mapping[str, int]
    now: int
    priced_at: int
    longest_gap: int

    def case(self, proposed: Mapping[str, int], *, policy: PolicyBody) -> Case:
        """Return the case of changing today's values to ``proposed``."""
        return Case(
            symbol=self.symbol,
            current=self.current,
            proposed=proposed,
            changes=difference(self.current, proposed, specs=self.protocol.parameters),
            policy=policy,
            supplied=self.supplied,
            borrowed=self.borrowed,
            exposures=self.exposures,
            last_changed=self.last_changed,
            now=self.now,
            priced_at=self.priced_at,
            longest_gap=self.longest_gap,
        )


def read_market(reserve: Reserve, *, snapshot: Snapshot) -> Market:
    """Return what is known of ``reserve`` at ``snapshot``.

    Raises
    ------
    InputError
        If the snapshot is of another market.
    GapInData
        If the logs or facts up to its block are not complete.
    """
    require_derived(snapshot.deployment, block=snapshot.block_number)
    state = ReserveState.objects.filter(snapshot=snapshot, reserve=reserve).first()
    if state is None:
        raise InputError(f"{reserve.symbol} is not in the snapshot of block {snapshot.block_number}.", field="reserve")
    deployment = reserve.deployment
    protocol = plugin(deployment.flavour)(deployment.addresses)
    priced_at, longest_gap = _price_history(snapshot)
    unit = 10**reserve.decimals
    return Market(
        symbol=reserve.symbol,
        protocol=protocol,
        current={spec.name: state.parameter(spec.name) for spec in protocol.parameters},
        supplied=-(-int(state.total_supply) // unit),
        borrowed=-(-int(state.total_debt) // unit),
        exposures=tuple(_exposures(state)),
        last_changed=_last_changed(reserve, before=snapshot.timestamp),
        now=snapshot.timestamp,
        priced_at=priced_at,
        longest_gap=longest_gap,
    )


def _exposures(state: ReserveState) -> Iterable[Exposure]:
    held = Position.objects.filter(
        snapshot_id=state.snapshot_id, reserve_id=state.reserve_id, used_as_collateral=True, collateral__gt=0
    )
    amounts = dict(held.values_list("account", "collateral"))
    accounts = AccountState.objects.filter(
        snapshot_id=state.snapshot_id, account__in=amounts, debt_base__gt=0, collateral_base__gt=0
    )
    if state.emode_category:  # whoever is in the reserve's own category has that category's threshold, not this one
        accounts = accounts.exclude(emode_category=state.emode_category)
    unit, price = 10**state.reserve.decimals, int(state.price)
    for account in accounts.order_by("account"):
        yield Exposure(
            account=account.account,
            in_reserve=int(amounts[account.account]) * price // unit,
            collateral=int(account.collateral_base),
            threshold=account.liquidation_threshold,
            debt=int(account.debt_base),
        )


def _last_changed(reserve: Reserve, *, before: int) -> dict[str, int]:
    rows = ParameterChange.objects.filter(reserve=reserve, timestamp__lte=before).order_by()
    return dict(rows.values("parameter").annotate(last=Max("timestamp")).values_list("parameter", "last"))


def _price_history(snapshot: Snapshot) -> tuple[int, int]:
    """Return the chain time of the stalest reserve's latest price, and the longest gap of any reserve."""
    latest, gaps = [], [0]
    for reserve in Reserve.objects.filter(deployment_id=snapshot.deployment_id):
        times = list(
            Price.objects.filter(
                reserve=reserve, timestamp__gt=snapshot.timestamp - WINDOW, timestamp__lte=snapshot.timestamp
            )
            .order_by("timestamp")
            .values_list("timestamp", flat=True)
        )
        latest.append(times[-1] if times else 0)
        gaps += [after - before for before, after in pairwise(times)]
    return min(latest, default=0), max(gaps)
