"""Liquidation thresholds of a book from a file: of assets, and of accounts whose average the file publishes.

A threshold that a person states acts on all who hold the asset, or is refused; what is published of an account stays
what its own health factor is checked against.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from forecasting.core.book import Book, Floats, RiskParameters
from forecasting.simulations.statement import Statement
from forecasting.simulations.terms import Terms
from governance.errors import InputError

CLOSE = 5e-4  # relative difference of totals and assets that rounding and the moment of pricing explain
AGREE = 1e-4  # relative difference within which accounts agree on a price or a threshold
FEWEST = 3  # accounts that must
STEP = 1.5e-4  # thresholds are published in whole basis points, cut off


def agreed(values: Floats) -> float:
    """Return the median of the positive values on which at least half agree, else NaN."""
    ordered = np.sort(values[values > 0])
    if ordered.size < FEWEST:
        return float("nan")
    until = np.searchsorted(ordered, ordered * (1 + AGREE), side="right")
    count = until - np.arange(ordered.size)
    best = int(np.argmax(count))
    if count[best] < max(FEWEST, ordered.size / 2):
        return float("nan")
    return float(np.median(ordered[best : until[best]]))


def parameters(stated: Statement, value: Floats, *, terms: Mapping[str, Terms], notes: list[str]) -> RiskParameters:
    """Return the assets' parameters; those of assets that nobody holds as collateral are 0.

    Parameters
    ----------
    stated : Statement
    value : (N, A) floats
        What each account holds of each asset, USD.
    terms : mapping of str to Terms
    notes : list of str
        What is taken for granted is added.

    Raises
    ------
    InputError
        When a bonus or threshold is missing; names the asset.
    """
    count = len(stated.assets)
    lt, lb, ltv = np.zeros(count), np.zeros(count), np.zeros(count)
    guessed: list[str] = []
    missing: list[str] = []
    for r, asset in enumerate(stated.assets):
        if not (value[:, r] > 0).any():
            continue
        told = terms.get(asset, Terms())
        if told.lb is None:
            missing.append(asset)
            continue
        lt[r], lb[r] = _threshold(stated, value, r, told), told.lb
        ltv[r] = lt[r] if told.ltv is None else told.ltv
        if told.ltv is None:
            guessed.append(asset)
    if missing:
        raise InputError(
            f"{stated.name} does not state the liquidation bonus of {', '.join(missing)}; add --parameters"
            f" {missing[0]}=LT,LB, such as {missing[0]}=,0.05 (an empty threshold is the file's own).",
            field="parameters",
            value=missing[0],
        )
    if guessed:
        notes.append(f"{stated.name}: the LTV of {', '.join(guessed)} is not stated, and counts as the threshold.")
    endless = np.full(count, np.inf)
    return RiskParameters(
        ltv=ltv, liquidation_threshold=lt, liquidation_bonus=lb, supply_cap=endless, borrow_cap=endless
    )


def of_file(stated: Statement, value: Floats, *, terms: Mapping[str, Terms], ours: RiskParameters) -> RiskParameters:
    """Return ``ours`` with the file's own threshold of each asset of which it has one, whatever a person states."""
    found = ours.liquidation_threshold.copy()
    for r in _told(stated, terms):
        theirs = _named(stated, value, r)
        found[r] = theirs if np.isfinite(theirs) and (value[:, r] > 0).any() else found[r]
    return replace(ours, liquidation_threshold=found)


def averages(stated: Statement, value: Floats, theirs: RiskParameters) -> Floats:
    """Return the published average threshold of each account that the assets' thresholds do not give, else NaN."""
    worth = value.sum(axis=1)
    common = _average(value, theirs.liquidation_threshold)
    follows = np.isnan(stated.own_threshold) | (worth == 0)
    follows |= (np.abs(common - stated.own_threshold) <= STEP) & ~stated.emode
    return np.where(follows, np.nan, stated.own_threshold)


def restated(stated: Statement, book: Book, *, terms: Mapping[str, Terms], ours: RiskParameters) -> Book:
    """Return a book as the file has it with the thresholds that a person states.

    They act on all who hold those assets: a published average moves by as much as the asset's part of it does. Where
    the file does not have the asset's threshold, the average is that of the account's assets, if the file names all of
    them. Those in an efficiency mode keep their mode's threshold.

    Parameters
    ----------
    stated : Statement
    book : Book
        With the parameters of `of_file` and the thresholds of `averages`.
    terms : mapping of str to Terms
    ours : RiskParameters
        See `parameters`.

    Raises
    ------
    InputError
        Naming the first account whose published average contradicts a stated threshold, while the file does not name
        what it holds.
    """
    value = book.collateral * book.price
    before, after = (_average(value, one.liquidation_threshold) for one in (book.parameters, ours))
    fixed = np.isfinite(book.own_threshold) & ~stated.emode
    own = np.where(fixed, np.maximum(book.own_threshold + after - before, 0.0), book.own_threshold)
    named = stated.held @ book.price >= (1 - CLOSE) * value.sum(axis=1)
    for r in _told(stated, terms):
        if np.isfinite(_named(stated, value, r)):
            continue
        against = fixed & (value[:, r] > 0)
        for row in np.flatnonzero(against & ~named)[:1]:
            asset, bonus = stated.assets[r], ours.liquidation_bonus[r]
            raise InputError(
                f"{stated.name}: --parameters states a threshold of {ours.liquidation_threshold[r]:g} for {asset}; with"
                f" it {stated.accounts[row]} has {after[row]:.4f}, published is {stated.own_threshold[row]:.4f}, and"
                f" the file does not name all that it holds. Leave the threshold out: --parameters {asset}=,{bonus:g}.",
                field="parameters",
                value=asset,
                account=stated.accounts[row],
            )
        own[against] = np.nan
    return replace(book, parameters=ours, own_threshold=own)


def _told(stated: Statement, terms: Mapping[str, Terms]) -> list[int]:
    """Return the columns whose threshold a person states."""
    return [r for r, asset in enumerate(stated.assets) if terms.get(asset, Terms()).lt is not None]


def _named(stated: Statement, value: Floats, r: int) -> float:
    """Return an asset's threshold as the file has it: those of whom only totals are known tell none."""
    return _files_own(stated, np.where(stated.held[:, [r]] > 0, value, 0.0), r)


def _average(value: Floats, threshold: Floats) -> Floats:
    worth = value.sum(axis=1)
    return np.divide(value @ threshold, worth, out=np.zeros_like(worth), where=worth > 0)


def _threshold(stated: Statement, value: Floats, r: int, told: Terms) -> float:
    """Return an asset's threshold: as told, as the file has it, or the mean of what its holders have.

    What is published of accounts in an efficiency mode is their mode's threshold, and says nothing of the asset's.
    """
    if told.lt is not None:
        return told.lt
    found = _files_own(stated, value, r)
    if np.isfinite(found):
        return found
    holders = (value[:, r] > 0) & ~stated.emode
    if not holders.any() or not np.isfinite(stated.own_threshold[holders]).all():
        raise InputError(
            f"{stated.name} does not state the liquidation threshold of {stated.assets[r]}; add --parameters"
            f" {stated.assets[r]}=LT,LB, such as {stated.assets[r]}=0.8,0.05.",
            field="parameters",
            value=stated.assets[r],
        )
    return float(np.average(stated.own_threshold[holders], weights=value[holders, r]))


def _files_own(stated: Statement, value: Floats, r: int) -> float:
    """Return an asset's threshold as the file has it, or as those have it who hold nothing else; else NaN."""
    if stated.threshold[r] > 0:
        return float(stated.threshold[r])
    alone = (value[:, r] > 0) & (value[:, r] >= (1 - CLOSE) * value.sum(axis=1)) & ~stated.emode
    return agreed(stated.own_threshold[alone])
