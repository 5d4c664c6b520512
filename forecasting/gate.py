"""Which version of a line is in use, and who may take its place.

A line begins with the baseline. A challenger is promoted when every rule of `forecasting.core.admission` lets it pass
on days that neither had seen and, where the policy asks for it, a steward signs. A champion that breaks its promises is
demoted at once, without anybody's word; to come back it needs a steward whatever the policy says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from forecasting import artifacts
from forecasting.competing import BASELINE, CONTENDER, cost
from forecasting.core.admission import Finding, Record, examine, losses
from forecasting.core.book import Floats
from forecasting.core.realised import Stamps
from forecasting.core.scoring import dm_test
from forecasting.core.scoring.verdicts import MINIMUM
from forecasting.models import Decision, ModelVersion
from governance import audit
from governance.errors import ConflictError, InputError
from governance.locks import hold

HORIZON = "1d"
SEED = 1
GATE = "gate"
Kind = Decision.Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a version forecast out of sample, one day ahead: ends (D,), and realised, change and forecast (D, A)."""

    assets: tuple[str, ...]
    ends: Stamps
    realised: Floats
    change: Floats
    forecast: Floats


def in_use(line: str, *, until: int | None = None) -> ModelVersion | None:
    """Return the version that a line uses; None: the line has not begun.

    Parameters
    ----------
    line : str
    until : int or None
        Time after which no decision's data may end; None: now.
    """
    rows = Decision.objects.filter(line=line, kind__in=Decision.APPOINTING).select_related("version__dataset")
    last = (rows if until is None else rows.filter(moment__lte=until)).order_by("-pk").first()
    return last.version if last else None


def newest(line: str) -> dict[str, ModelVersion]:
    """Return the newest version of each model of a line, by name."""
    rows = ModelVersion.objects.filter(line=line).select_related("dataset")
    return {row.name: row for row in rows.order_by("name", "-created_timestamp", "-pk").distinct("name")}


@transaction.atomic
def settle(versions: Sequence[ModelVersion]) -> list[Decision]:
    """Decide about versions of one line that were registered together; asked again, it decides nothing anew."""
    line = versions[0].line
    hold(f"gate-{line}")
    by_name = {version.name: version for version in versions}
    if Decision.objects.filter(version__in=versions).exists():
        return []
    made = []
    used = in_use(line)
    if used is None and BASELINE in by_name:
        reason = f"The line begins with {BASELINE}, which cannot fail to fit."
        made.append(_decide(by_name[BASELINE], Kind.FIRST, reason=reason, actor=GATE))
    elif used is not None and used.name in by_name:
        made.append(_refresh(by_name[used.name], used=used))
    used = in_use(line)
    contender = by_name.get(CONTENDER)
    if contender is not None and used is not None and used.name != CONTENDER:
        made.append(consider(contender))
    return made


@transaction.atomic
def consider(version: ModelVersion, *, steward: str = "") -> Decision:
    """Put a challenger to the gate.

    Parameters
    ----------
    version : ModelVersion
    steward : str
        Checksummed address of who signs for it; empty: nobody does.

    Raises
    ------
    InputError
        When it belongs to no line, kept no forecasts out of sample, or its line has not begun.
    ConflictError
        When it is in use already.
    ImplausibleData
        When it, or the version in use, was altered after registration.
    """
    hold(f"gate-{version.line}")
    used = in_use(version.line)
    if used is None or not version.line:
        message = f"Model version {version.pk} ({version}) competes with no other; only models of the league do."
        raise InputError(message, field="version", value=version.pk)
    if used == version:
        raise ConflictError(f"Model version {version.pk} ({version}) is in use already.", version=version.pk)
    findings = compare(version, used)
    facts = {"against": used.pk, "rules": [_plain(finding) for finding in findings]}
    failed = [finding.sentence for finding in findings if not finding.passed]
    if failed:
        return _decide(version, Kind.REFUSED, reason=" ".join(failed), actor=steward or GATE, facts=facts)
    if not steward and (needs_sign_off() or was_demoted(version.line)):
        reason = f"It passed every rule; `manage.py promote {version.pk} --steward ADDRESS` signs for it."
        return _decide(version, Kind.WAITING, reason=reason, actor=GATE, facts=facts)
    return _decide(version, Kind.PROMOTED, reason=findings[0].sentence, actor=steward or GATE, facts=facts)


@transaction.atomic
def demote(line: str, *, reason: str, facts: dict[str, Any], actor: str) -> Decision | None:
    """Let the baseline take over; None: it is in use already, or the line has none."""
    hold(f"gate-{line}")
    used, baseline = in_use(line), newest(line).get(BASELINE)
    if used is None or baseline is None or used.name == BASELINE:
        return None
    return _decide(baseline, Kind.DEMOTED, reason=reason, actor=actor, facts={"instead_of": used.pk, **facts})


def compare(challenger: ModelVersion, champion: ModelVersion) -> tuple[Finding, ...]:
    """Return what the rules say of two versions on the days that both forecast out of sample."""
    ours, theirs = together(past(challenger), past(champion))
    return examine(
        Record(name=challenger.name, forecast=ours.forecast, cost=cost(artifacts.load(challenger)["parameters"])),
        Record(name=champion.name, forecast=theirs.forecast, cost=cost(artifacts.load(champion)["parameters"])),
        realised=ours.realised,
        change=ours.change,
        seed=SEED,
    )


def past(version: ModelVersion) -> Past:
    """Return the forecasts out of sample of a version, one day ahead.

    Raises
    ------
    InputError
        When it kept none of one day ahead.
    """
    held = artifacts.evidence(version)
    if HORIZON not in held["horizons"]:
        message = f"Model version {version.pk} ({version}) kept no forecasts of one day ahead, by which it is judged."
        raise InputError(message, field="horizons", value=version.pk)
    found = held["horizons"][HORIZON]
    columns = {name: found[name] for name in ("ends", "realised", "change", "forecast")}
    return Past(assets=tuple(held["assets"]), **columns)


def together(ours: Past, theirs: Past) -> tuple[Past, Past]:
    """Return both on the days and assets that they share, in the same order."""
    assets = tuple(name for name in ours.assets if name in theirs.assets)
    ends = np.intersect1d(ours.ends, theirs.ends)

    def cut(one: Past) -> Past:
        rows = np.searchsorted(one.ends, ends)
        at = np.ix_(rows, [one.assets.index(name) for name in assets])
        return Past(
            assets=assets, ends=ends, realised=one.realised[at], change=one.change[at], forecast=one.forecast[at]
        )

    return cut(ours), cut(theirs)


def needs_sign_off() -> bool:
    """Return whether the policy in force asks for a steward's word before a promotion."""
    return bool(import_string(settings.PROMOTION_POLICY)())


def was_demoted(line: str) -> bool:
    """Return whether the last that was appointed in a line took over from a champion that had failed."""
    last = Decision.objects.filter(line=line, kind__in=Decision.APPOINTING).exclude(kind=Kind.REFRESHED).last()
    return last is not None and last.kind == Kind.DEMOTED


def _refresh(version: ModelVersion, *, used: ModelVersion) -> Decision:
    """Let the same model, fitted to newer data, take over, unless it forecasts worse on the days that both have."""
    ours, theirs = together(past(version), past(used))
    new, old = (
        losses(ours.forecast, other=theirs.forecast, realised=ours.realised),
        losses(theirs.forecast, other=ours.forecast, realised=ours.realised),
    )
    days = int(np.isfinite(new - old).sum())
    if days >= MINIMUM and (new != old).any() and dm_test(old, new).better():
        reason = f"Fitted anew it forecasts worse than version {used.pk} on {days} days that both have."
        return _decide(version, Kind.REFUSED, reason=reason, actor=GATE, facts={"against": used.pk})
    reason = f"Version {used.pk}, fitted to newer data."
    return _decide(version, Kind.REFRESHED, reason=reason, actor=GATE, facts={"against": used.pk})


def _decide(
    version: ModelVersion, kind: Decision.Kind, *, reason: str, actor: str, facts: dict[str, Any] | None = None
) -> Decision:
    made = Decision.objects.create(
        line=version.line,
        version=version,
        kind=kind,
        reason=reason,
        facts=facts or {},
        actor=actor,
        moment=version.created_timestamp,
    )
    told: dict[str, audit.Fact] = {"line": version.line, "model": version.name, "reason": reason}
    audit.record(actor=actor, action=f"model.{kind}", subject=version.artifact_hash, facts=told)
    return made


def _plain(finding: Finding) -> dict[str, Any]:
    numbers = {name: round(value, 8) for name, value in finding.numbers.items()}
    return {"rule": finding.rule, "passed": finding.passed, "sentence": finding.sentence, "numbers": numbers}
