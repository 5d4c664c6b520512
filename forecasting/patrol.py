"""What beat does day by day: look whether data is fresh, forecast in the shadow, score, and watch the champions."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from forecasting import datasets, fields, freshness, gate, monitoring, outcomes, shadows
from forecasting.fields import Field
from forecasting.imports import catalogue
from forecasting.models import ModelVersion
from forecasting.monitoring import Health
from forecasting.selectors import final_snapshot
from governance import deployments
from governance.errors import BreakwaterError
from governance.models import Deployment

log = logging.getLogger(__name__)

LOCK = "monitor on schedule"  # whoever goes round holds it


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What was done for one line.

    Attributes
    ----------
    line : str
    forecasts, scores : int
        Forecasts that stand as of the newest data, and forecasts scored now.
    health : Health or None
        Of its champion; None: it has none.
    problem : str
        Why nothing was forecast; empty: it was.
    """

    line: str
    forecasts: int
    scores: int
    health: Health | None
    problem: str


def watch() -> list[freshness.Freshness]:
    """Look at the data of every market; alarms sound and end by it."""
    return [freshness.watch(deployment) for deployment in deployments.select(kind=Deployment.Kind.PROTOCOL)]


def run() -> Iterator[Round]:
    """Go round every line, markets first; one that fails does not stop the others."""
    for line, deployment in _lines():
        try:
            yield _market(deployment) if deployment else _source(line)
        except BreakwaterError as error:
            log.error("%s: %s", line, error.message)  # noqa: TRY400 - says it all
            yield Round(line=line, forecasts=0, scores=0, health=None, problem=error.message)


def _lines() -> list[tuple[str, Deployment | None]]:
    rows = ModelVersion.objects.filter(kind=ModelVersion.Kind.VARIANCE).exclude(line="")
    found = rows.order_by("line").distinct("line").select_related("deployment")
    return sorted(((row.line, row.deployment) for row in found), key=lambda pair: (pair[1] is None, pair[0]))


def _market(deployment: Deployment) -> Round:
    snapshot = final_snapshot(deployment)
    if snapshot is None:
        return _round(deployment.slug, problem="there is no snapshot of a final block")
    with freshness.guarded(deployment):
        frozen = datasets.fresh(datasets.freeze(snapshot), snapshot)
        field = fields.of_frozen(frozen, deployment=deployment)
    return _round(deployment.slug, field=field)


def _source(line: str) -> Round:
    """Go round a line of imported data, which only moves when a file was added."""
    newest = max(gate.newest(line).values(), key=lambda version: version.created_timestamp)
    facts = newest.dataset.facts
    version = catalogue.newest(catalogue.find(facts["name"])).version
    last = newest.forecasts.order_by("-made_at").first()
    if version == facts["version"] and last is not None and last.made_at == newest.created_timestamp:
        state = freshness.watch_imported(line, newest=last.made_at)
        return _round(line, problem=state.sentence if state.problem else "")
    field = fields.of_source(source=facts["name"], assets=facts["assets"], version=version)
    state = freshness.watch_imported(line, newest=field.moment)
    return _round(line, field=field, problem=state.sentence if state.problem else "")


def _round(line: str, *, field: Field | None = None, problem: str = "") -> Round:
    """Score what is known now, and forecast unless there is a problem."""
    forecasts = scores = 0
    if field is not None:
        forecasts = 0 if problem else len(shadows.make(field))
        scores = len(outcomes.score(field))
    return Round(line=line, forecasts=forecasts, scores=scores, health=monitoring.check(line), problem=problem)
