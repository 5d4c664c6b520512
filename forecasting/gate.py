"""Which version of a line is in use, and who may take its place.

A line begins with the baseline. A challenger is promoted when every rule of `forecasting.core.admission` (of warnings:
`forecasting.core.warning.admission`) lets it pass on days that neither had seen and, where the policy asks for it, a
steward signs. A champion that breaks its promises is demoted at once, without anybody's word; to come back it needs a
steward whatever the policy says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils.module_loading import import_string

from forecasting import judging
from forecasting.competing import BASELINE, CONTENDER
from forecasting.core.admission import Finding
from forecasting.core.warning import competitors
from forecasting.models import Decision, Forecast, ModelVersion, Score, WarningScore
from forecasting.warners import judging as judging_warnings
from governance import audit
from governance.errors import ConflictError, InputError
from governance.locks import hold

GATE = "gate"
ON_TRUST = "the operator's word: no key signed it"  # what an address that promotes a model rests on
Kind = Decision.Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """By what versions of one kind are judged.

    Attributes
    ----------
    baseline, contender : str
        With which a line begins, and which is put to the gate unasked.
    judging : module
        With ``compare`` and ``got_worse``.
    """

    baseline: str
    contender: str
    judging: ModuleType


LEAGUE = Rules(baseline=BASELINE, contender=CONTENDER, judging=judging)
RULES: Mapping[str, Rules] = {
    ModelVersion.Kind.WARNING: Rules(
        baseline=competitors.BASELINE, contender=competitors.CONTENDER, judging=judging_warnings
    ),
}
"""By kind; `LEAGUE` for all others."""


def rules_of(version: ModelVersion) -> Rules:
    """Return by what a version is judged."""
    return RULES.get(version.kind, LEAGUE)


def in_use(line: str, *, until: int | None = None) -> ModelVersion | None:
    """Return the version that a line uses; None: the line has not begun.

    Parameters
    ----------
    line : str
    until : int or None
        Time by which the decision was made, by the newest data that was known then; None: now.
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
    line, rules = versions[0].line, rules_of(versions[0])
    hold(f"gate-{line}")
    by_name = {version.name: version for version in versions}
    if Decision.objects.filter(version__in=versions).exists():
        return []
    made = []
    used = in_use(line)
    if used is None and rules.baseline in by_name:
        reason = f"The line begins with {rules.baseline}, which cannot fail to fit."
        made.append(_decide(by_name[rules.baseline], Kind.FIRST, reason=reason, actor=GATE))
    elif used is not None and used.name in by_name:
        made.append(_refresh(by_name[used.name], used=used))
    used = in_use(line)
    contender = by_name.get(rules.contender)
    if contender is not None and used is not None and used.name != rules.contender:
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
    findings = rules_of(version).judging.compare(version, used)
    facts: dict[str, Any] = {"against": used.pk, "rules": [_plain(finding) for finding in findings]}
    facts |= {"signed_by": steward, "signature": ON_TRUST} if steward else {}
    failed = [finding.sentence for finding in findings if not finding.passed]
    if failed:
        return _decide(version, Kind.REFUSED, reason=" ".join(failed), actor=steward or GATE, facts=facts)
    if not steward and (needs_sign_off() or was_demoted(version.line)):
        reason = f"It passed every rule; `manage.py promote {version.pk} --steward ADDRESS` signs for it."
        return _decide(version, Kind.WAITING, reason=reason, actor=GATE, facts=facts)
    return _decide(version, Kind.PROMOTED, reason=findings[0].sentence, actor=steward or GATE, facts=facts)


@transaction.atomic
def demote(version: ModelVersion, *, reason: str, facts: dict[str, Any], actor: str) -> Decision | None:
    """Let the baseline take over from a version; None: it is not in use any more, or there is no other baseline.

    Parameters
    ----------
    version : ModelVersion
        The one that was found to fail. Somebody may have appointed another one in the meantime, who is not to blame.
    reason : str
    facts : dict
    actor : str
    """
    hold(f"gate-{version.line}")
    name = rules_of(version).baseline
    baseline = newest(version.line).get(name)
    if in_use(version.line) != version or baseline is None or version.name == name:
        return None
    return _decide(baseline, Kind.DEMOTED, reason=reason, actor=actor, facts={"instead_of": version.pk, **facts})


def appointment(line: str) -> Decision | None:
    """Return the decision by which the model in use was appointed; refreshing it is none. None: it has not begun."""
    rows = Decision.objects.filter(line=line, kind__in=Decision.APPOINTING).exclude(kind=Kind.REFRESHED)
    return rows.select_related("version__dataset").last()


def needs_sign_off() -> bool:
    """Return whether the policy in force asks for a steward's word before a promotion."""
    return bool(import_string(settings.PROMOTION_POLICY)())


def was_demoted(line: str) -> bool:
    """Return whether the last that was appointed in a line took over from a champion that had failed."""
    last = appointment(line)
    return last is not None and last.kind == Kind.DEMOTED


def known_until(line: str) -> int:
    """Return the time of the newest data that a line knows, unix seconds; 0: none.

    A decision is dated by it, so that what came before cannot be held against who is appointed, and what a line used at
    a moment of the past stays as it was.
    """
    newest_of = (
        (ModelVersion.objects.filter(line=line), "created_timestamp"),
        (Forecast.objects.filter(model_version__line=line), "made_at"),
        (Score.objects.filter(forecast__model_version__line=line), "known_at"),
        (WarningScore.objects.filter(forecast__model_version__line=line), "known_at"),
    )
    return max(rows.aggregate(at=Max(column))["at"] or 0 for rows, column in newest_of)


def _refresh(version: ModelVersion, *, used: ModelVersion) -> Decision:
    """Let the same model, fitted to newer data, take over, unless it forecasts worse on the days that both have."""
    days = rules_of(version).judging.got_worse(version, used=used)
    if days:
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
        moment=known_until(version.line),
    )
    told: dict[str, audit.Fact] = {"line": version.line, "model": version.name, "reason": reason}
    audit.record(actor=actor, action=f"model.{kind}", subject=version.artifact_hash, facts=told)
    return made


def _plain(finding: Finding) -> dict[str, Any]:
    numbers = {name: round(value, 8) for name, value in finding.numbers.items()}
    return {"rule": finding.rule, "passed": finding.passed, "sentence": finding.sentence, "numbers": numbers}
