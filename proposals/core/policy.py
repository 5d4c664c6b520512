"""The policy document: its shape, its meaning, and the ways in which it can contradict itself.

Every number is an integer in the chain's own units: basis points for percentages (100 = 1 %), whole tokens for caps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import msgspec

from governance.domain.units import BPS
from governance.errors import PolicyError

type Natural = Annotated[int, msgspec.Meta(ge=0)]
type Positive = Annotated[int, msgspec.Meta(ge=1)]
type Percent = Annotated[int, msgspec.Meta(ge=0, le=BPS)]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far and how often one parameter may move.

    Attributes
    ----------
    kind : {"absolute", "relative"}
        Whether ``limit`` and ``grid`` are added to the value, or are basis points of it.
    limit : int
        Largest change in one proposal.
    cooldown_seconds : int
        Least time (chain time) between two changes.
    minimum, maximum : int
        The range that the value must stay in.
    grid : tuple of int
        The steps that the search tries; 0 is always among them.
    """

    kind: Literal["absolute", "relative"]
    limit: Natural
    cooldown_seconds: Natural
    minimum: Natural
    maximum: Natural
    grid: tuple[int, ...] = ()

    def largest_step(self, current: int) -> int:
        """Return the largest step that is allowed from ``current``, in the value's own unit, rounded down."""
        return self.limit * current // BPS if self.kind == "relative" else self.limit

    def steps(self, current: int) -> tuple[int, ...]:
        """Return the values to try from ``current``, ascending, ``current`` among them."""
        deltas = (step * current // BPS if self.kind == "relative" else step for step in self.grid)
        return tuple(sorted({current, *(current + delta for delta in deltas)}))


class Safety(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What must hold after a change.

    Attributes
    ----------
    max_lt_with_bonus_bps : int
        Bound on liquidation threshold x (1 + bonus). At 100 % a liquidation makes the account worse.
    min_buffer_bps : int
        Least distance of the LTV below the liquidation threshold.
    max_accounts_pushed : int
        Healthy accounts that a change may push below health factor 1.
    min_cap_use_bps : int
        Share of a cap that must be in use before the cap is raised; a cap that does not bind needs no change.
    max_data_age_seconds : int
        Oldest price (before the snapshot's block) on which to recommend; older means abstaining.
    max_gap_seconds : int
        Longest gap in the recent price history; longer means abstaining.
    """

    max_lt_with_bonus_bps: Percent
    min_buffer_bps: Percent
    max_accounts_pushed: Natural
    min_cap_use_bps: Percent
    max_data_age_seconds: Positive
    max_gap_seconds: Positive


class Objective(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a good setting is worth.

    Attributes
    ----------
    es99_weight : int
        Dollars of borrowing power that one dollar less of bad debt in the worst 1 % of stressed futures is worth.
    borrower_loss_weight : int
        Dollars of borrowing power that one dollar less of expected loss to liquidated borrowers is worth.
    """

    es99_weight: Natural
    borrower_loss_weight: Natural


class Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the search looks.

    Attributes
    ----------
    horizon_hours, paths : int
        Length and number of the simulated futures.
    step_hours : int
        Time between two looks of the liquidators at the market; fewer looks are harsher.
    stress_bps : int
        What every price move of the stressed futures is multiplied by (10_000 = not at all).
    confidence_bps : int
        Confidence of the interval that a gain must clear.
    resamples : int
        Bootstrap resamples behind the interval.
    """

    horizon_hours: Positive
    paths: Annotated[int, msgspec.Meta(ge=100)]
    step_hours: Positive
    stress_bps: Annotated[int, msgspec.Meta(ge=BPS, le=10 * BPS)]
    confidence_bps: Annotated[int, msgspec.Meta(ge=5000, le=9999)]
    resamples: Annotated[int, msgspec.Meta(ge=50)]


class Models(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who decides which forecasts are used.

    Attributes
    ----------
    sign_off : bool
        Whether a model that passed the gate waits for a steward's signature. A demotion never waits.
    """

    sign_off: bool = True


class PolicyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One whole policy."""

    format: Literal["breakwater-policy/1"]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    parameters: dict[str, Rule]
    safety: Safety
    objective: Objective
    search: Search
    models: Models = Models()


def read_policy(document: object) -> PolicyBody:
    """Return the policy that ``document`` (plain JSON data) describes.

    Raises
    ------
    PolicyError
        If it has another shape, or if two of its fields contradict each other; the message names both.
    """
    try:
        body = msgspec.convert(document, PolicyBody)
    except msgspec.ValidationError as error:
        raise PolicyError(f"The policy cannot be read: {error}. Compare it with `manage.py policy show`.") from error
    for first, second, why in contradictions(body):
        raise PolicyError(
            f"The policy contradicts itself: {first} and {second}: {why}.", field=first, other_field=second, reason=why
        )
    return body


def contradictions(body: PolicyBody) -> Iterator[tuple[str, str, str]]:
    """Yield each pair of fields that cannot both hold, and why."""
    for name, rule in sorted(body.parameters.items()):
        yield from _rule(f"parameters.{name}", rule)
    yield from _thresholds(body.parameters, body.safety)
    if body.search.step_hours > body.search.horizon_hours:
        yield "search.step_hours", "search.horizon_hours", "one step is longer than the whole horizon"
    # The interval needs at least five resamples beyond its bound, or the bound is a single lucky draw.
    if body.search.resamples * (BPS - body.search.confidence_bps) < 5 * BPS:
        yield "search.confidence_bps", "search.resamples", "too few resamples for that confidence"


def _rule(path: str, rule: Rule) -> Iterator[tuple[str, str, str]]:
    if rule.minimum > rule.maximum:
        yield f"{path}.minimum", f"{path}.maximum", f"the minimum {rule.minimum} is above the maximum {rule.maximum}"
    beyond = [step for step in rule.grid if abs(step) > rule.limit]
    if beyond:
        yield f"{path}.grid", f"{path}.limit", f"the step {beyond[0]} is beyond the limit {rule.limit}"
    if rule.kind == "absolute" and rule.limit > rule.maximum - rule.minimum >= 0:
        yield f"{path}.limit", f"{path}.maximum", f"the limit {rule.limit} is wider than the whole range"


def _thresholds(rules: Mapping[str, Rule], safety: Safety) -> Iterator[tuple[str, str, str]]:
    threshold, ltv = rules.get("liquidation_threshold"), rules.get("ltv")
    bonus = rules.get("liquidation_bonus")
    if threshold and bonus and threshold.minimum * bonus.minimum > safety.max_lt_with_bonus_bps * BPS:
        yield (
            "parameters.liquidation_threshold.minimum",
            "safety.max_lt_with_bonus_bps",
            "even the lowest threshold with the lowest bonus is above the bound",
        )
    if threshold and ltv and ltv.minimum + safety.min_buffer_bps > threshold.maximum:
        yield (
            "parameters.ltv.minimum",
            "parameters.liquidation_threshold.maximum",
            "even the lowest LTV is not the buffer below the highest threshold",
        )
