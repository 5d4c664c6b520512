"""`manage.py monitor`: what beat does daily: forecast in the shadow, score, watch data and champions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from forecasting import alarms, patrol
from forecasting.monitoring import Health
from forecasting.patrol import Round
from forecasting.warners import watching
from governance.locks import exclusive
from governance.management.base import BreakwaterCommand


class Command(BreakwaterCommand):
    """Look after data and models now."""

    help = "Look whether data is fresh, forecast with every model, score what is known now, and demote what fails."
    needs = ("database",)
    reports = True

    def handle(self, **_: Any) -> None:  # noqa: ANN401
        """Go round every market and line, unless somebody does already."""
        with exclusive(patrol.LOCK):
            states = patrol.watch()
            for state in states:
                self.say(f"{state.line}: {state.sentence}")
            rounds = list(patrol.run())
            warned = list(watching.run())
        for done in rounds:
            self.say(_text(done))
        for looked in warned:
            self.say(_warned(looked))
        standing = list(alarms.standing())
        for alarm in standing:
            self.say(f"ALARM {alarm.kind} of {alarm.line}: {alarm.detail}")
        self.answer(
            {
                "data": [asdict(state) for state in states],
                "lines": [_report(done) for done in rounds],
                "warnings": [_warnings(looked) for looked in warned],
                "alarms": [{"line": row.line, "kind": row.kind, "detail": row.detail} for row in standing],
            },
            ""
            if states or rounds or warned
            else "There is no market and no trained line yet; see manage.py train --help.",
        )


def _report(done: Round) -> dict[str, object]:
    found = done.health
    health = None if found is None else {**_numbers(found), "champion": found.version.name, "version": found.version.pk}
    told = {"line": done.line, "forecasts": done.forecasts, "scores": done.scores, "problem": done.problem}
    return {**told, "health": health}


def _numbers(found: Health) -> dict[str, object]:
    names = ("days", "loss", "limit", "baseline_loss", "hits", "expected", "chance", "breach")
    told = {name: getattr(found, name) for name in names}
    return {**told, "horizons": {drift.horizon: asdict(drift) for drift in found.drifts}}


def _warnings(looked: watching.Round) -> dict[str, object]:
    found = looked.health
    told = {"line": looked.line, "forecasts": looked.forecasts, "scores": looked.scores, "problem": looked.problem}
    if found is None:
        return {**told, "health": None}
    names = ("warnings", "expected", "happened", "brier", "limit", "baseline_brier", "chance", "breach")
    numbers = {name: getattr(found, name) for name in names}
    return {**told, "health": {**numbers, "champion": found.version.name, "version": found.version.pk}}


def _warned(looked: watching.Round) -> str:
    said = f"{looked.line}: {looked.forecasts} warnings stand, {looked.scores} were scored."
    if looked.problem:
        said = f"{looked.line}: nothing was said, {looked.scores} were scored: {looked.problem}"
    found = looked.health
    if found is None or not found.warnings:
        return said
    came = f"{found.happened:.0f} of {found.warnings} came true where {found.expected:.1f} were expected"
    return f"{said} {found.version.name}: {came}. {found.breach}".rstrip()


def _text(done: Round) -> str:
    if done.problem:
        return f"{done.line}: nothing was forecast: {done.problem}"
    said = f"{done.line}: {done.forecasts} forecasts stand, {done.scores} were scored."
    if done.health is None:
        return said
    lost = "" if done.health.loss is None else f" lost {done.health.loss:.3f} (QLIKE) a day lately and"
    return f"{said} {done.health.version.name}{lost} has {done.health.days} scored days. {done.health.breach}".rstrip()
