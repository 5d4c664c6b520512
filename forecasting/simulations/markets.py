"""A book from the newest snapshot of a watched market, and what the market's models say of depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecasting import datasets, forecasts, pruning
from forecasting.core.cascade import CascadeRules
from forecasting.core.config import TrainingConfig
from forecasting.models import AccountState, ModelVersion, Snapshot
from forecasting.selectors import final_snapshot, latest_snapshot
from forecasting.simulations.lenders import Lender
from forecasting.simulations.symbols import key
from governance import deployments
from governance.errors import InputError, StaleData
from governance.models import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Depths:
    """What a market's model says.

    Attributes
    ----------
    usd : mapping of str to float
        Depth by `key`; ``inf``: liquidations do not move it.
    rules : CascadeRules
    version : int
        Number of the model version.
    """

    usd: Mapping[str, float]
    rules: CascadeRules
    version: int


def choose(slug: str) -> dict[str, Any]:
    """Return which snapshot of which market is simulated, and the model beneath it, as JSON-ready data; pin it.

    Raises
    ------
    InputError
        When it is not watched.
    StaleData
        When it has no snapshot.
    """
    deployment = deployments.select([slug], kind=Deployment.Kind.PROTOCOL)[0]
    taken = final_snapshot(deployment) or latest_snapshot(deployment)
    if taken is None:
        raise StaleData(f"There is no snapshot of {deployment.name} yet; run manage.py collect.")
    pruning.pin(taken)
    try:
        models = forecasts.champions(deployment, until=taken.timestamp)
    except InputError:
        models = {}
    return {
        "market": deployment.slug,
        "block": taken.block_number,
        "block_hash": taken.block_hash,
        "book_hash": taken.dataset_hash,
        "models": {name: version.pk for name, version in sorted(models.items())},
    }


def snapshot(chosen: Mapping[str, Any]) -> Snapshot:
    """Return the snapshot that `choose` chose.

    Raises
    ------
    StaleData
        When it is gone: the chain was reorganised since.
    """
    found = (
        Snapshot.objects.select_related("deployment")
        .filter(
            deployment__slug=chosen["market"],
            block_hash=chosen["block_hash"],
            dataset_hash=chosen["book_hash"],
        )
        .first()
    )
    if found is None:
        raise StaleData(
            f"The snapshot of {chosen['market']} at block {chosen['block']} is no longer there; simulate again.",
            block=chosen["block"],
        )
    return found


def lender(chosen: Mapping[str, Any]) -> Lender:
    """Return the protocol of a snapshot.

    Raises
    ------
    StaleData
        When the snapshot is gone.
    ImplausibleData
        When its health factors are not the contract's.
    """
    taken = snapshot(chosen)
    book = datasets.book(taken)
    modes = dict(AccountState.objects.filter(snapshot=taken).values_list("account", "emode_category"))
    emode = np.array([modes.get(account, 0) != 0 for account in book.accounts], dtype=np.bool_)
    note = (
        f"{taken.deployment.slug}: {int(emode.sum())} accounts are in an efficiency mode; they keep its threshold, but"
        " are liquidated with the ordinary bonus of their collateral, which takes more of it than their own would."
    )
    return Lender(
        name=taken.deployment.slug,
        book=replace(book, symbols=distinct(book.symbols)),
        time=taken.timestamp,
        block=taken.block_number,
        emode=emode,
        notes=(note,) if emode.any() else (),
    )


def depths(chosen: Mapping[str, Any]) -> Depths | None:
    """Return what the market's own model says of depth and rules; None where it has none.

    Raises
    ------
    ImplausibleData
        When the model was altered.
    """
    if "cascade" not in chosen["models"]:
        return None
    version = ModelVersion.objects.select_related("dataset").get(pk=chosen["models"]["cascade"])
    symbols = list(snapshot(chosen).deployment.reserves.order_by("index").values_list("symbol", flat=True))
    usd = forecasts.depth_of(version, symbols)
    return Depths(
        usd={key(symbol): float(usd[r]) for r, symbol in enumerate(distinct(symbols))},
        rules=TrainingConfig.read(version.config).rules,
        version=version.pk,
    )


def distinct(symbols: Sequence[str]) -> tuple[str, ...]:
    """Return the symbols, a number behind those that are not the first of their name: two tokens are never one."""
    seen: dict[str, int] = {}
    made = []
    for symbol in symbols:
        seen[key(symbol)] = seen.get(key(symbol), 0) + 1
        made.append(symbol if seen[key(symbol)] == 1 else f"{symbol}-{seen[key(symbol)]}")
    return tuple(made)
