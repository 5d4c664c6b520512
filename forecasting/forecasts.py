"""Distributions of what may happen: joint paths, volatility and cascades, from registered models.

Everything here is a function of a snapshot, a model version, a horizon, a number of paths and a seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from django.db import transaction
from django.db.models import F

from forecasting import artifacts, datasets, freshness
from forecasting.core import reporting
from forecasting.core.book import USD, Floats
from forecasting.core.cascade import CascadeEstimate, CascadeProblem
from forecasting.core.config import TrainingConfig
from forecasting.core.response import Response
from forecasting.core.scenarios import Scenarios, simulate
from forecasting.core.volatility import models as volatility_models
from forecasting.core.volatility.base import FittedVolatility
from forecasting.models import Forecast, ModelVersion, Reserve, Snapshot
from governance.errors import InputError
from governance.models import Deployment

HORIZON_HOURS = 168
PATHS = 2000
FEWEST_PATHS = 100  # below, the worst 1 % is less than one path


def champions(deployment: Deployment, *, until: int | None = None) -> dict[str, ModelVersion]:
    """Return the latest ``cascade`` version in use of a deployment, and the ``volatility`` version beneath it.

    Parameters
    ----------
    deployment : Deployment
    until : int or None
        Chain time after which a version's data must not end, so that no forecast knows what came after it; None for
        the newest version.

    Raises
    ------
    InputError
        When nothing was trained yet, or nothing that was trained holds up against its baseline.
    """
    versions = ModelVersion.objects.filter(
        deployment=deployment, kind=ModelVersion.Kind.CASCADE, parent__isnull=False
    ).select_related("dataset", "parent__dataset")
    if until is not None:
        versions = versions.filter(created_timestamp__lte=until)
    if not versions.exists():
        raise InputError(f"No model of {deployment.name} was trained yet; run `manage.py train`.", field="model")
    latest = versions.filter(verdict=ModelVersion.Verdict.CHAMPION).order_by("created_timestamp", "pk").last()
    if latest is None or latest.parent is None:
        raise InputError(
            f"The models of {deployment.name} forecast worse than a random walk, so none is used; collect more.",
            field="model",
        )
    return {"volatility": latest.parent, "cascade": latest}


def fitted(version: ModelVersion, *, reserves: Sequence[Reserve]) -> tuple[FittedVolatility, ...]:
    """Return each reserve's model in use.

    Raises
    ------
    InputError
        When a reserve was listed after the version was trained.
    ImplausibleData
        When the version was altered after it was registered.
    """
    known = {asset["address"]: asset for asset in artifacts.load(version)["parameters"]["assets"]}
    missing = [reserve.symbol for reserve in reserves if reserve.address not in known]
    if missing:
        raise InputError(f"{version} does not know {', '.join(missing)}; run `manage.py train`.", field="model")
    chosen = [known[reserve.address] for reserve in reserves]
    return tuple(volatility_models()[asset["used"]].restore(asset["fits"][asset["used"]]) for asset in chosen)


def scenarios(
    snapshot: Snapshot, *, version: ModelVersion, horizon_hours: int = HORIZON_HOURS, paths: int = PATHS, seed: int
) -> Scenarios:
    """Return joint price paths from a snapshot on, by a volatility version.

    Raises
    ------
    StaleData
        When the prices are older than PRICE_MAX_AGE_HOURS behind the snapshot.
    """
    frozen = datasets.fresh(datasets.freeze(snapshot), snapshot)
    models = fitted(version, reserves=frozen.reserves)
    return simulate(frozen.panel, fitted=models, hours=horizon_hours, paths=paths, seed=seed)


def problem(
    snapshot: Snapshot,
    *,
    models: Mapping[str, ModelVersion],
    horizon_hours: int = HORIZON_HOURS,
    paths: int = PATHS,
    seed: int,
) -> CascadeProblem:
    """Return the cascade problem of a snapshot; evaluate it as often as wanted, always on the same paths.

    Parameters
    ----------
    snapshot : Snapshot
    models : mapping
        ``volatility`` and ``cascade`` versions, as `champions` returns them.
    horizon_hours, paths, seed : int
    """
    book = datasets.book(snapshot)
    drawn = scenarios(snapshot, version=models["volatility"], horizon_hours=horizon_hours, paths=paths, seed=seed)
    return CascadeProblem(
        book=book,
        paths=drawn.growth * book.price,
        step_hours=1.0,
        depth=depth_of(models["cascade"], book.symbols),
        rules=TrainingConfig.read(models["cascade"].config).rules,
    )


def depth_of(version: ModelVersion, symbols: Sequence[str]) -> Floats:
    """Return the (R,) depths (USD) of a cascade version; null stands for an asset that liquidations do not move."""
    known = {asset["symbol"]: asset["depth"] for asset in artifacts.load(version)["parameters"]["assets"]}
    return np.array([np.inf if known[symbol] is None else known[symbol] for symbol in symbols], dtype=np.float64)


def volatility(
    snapshot: Snapshot, *, version: ModelVersion, horizon_hours: int = HORIZON_HOURS, paths: int = PATHS, seed: int
) -> dict[str, dict[str, object]]:
    """Return the volatility forecast of each reserve by symbol; see `forecasting.core.reporting.volatility_body`."""
    drawn = scenarios(snapshot, version=version, horizon_hours=horizon_hours, paths=paths, seed=seed)
    states = snapshot.reserve_states.select_related("reserve").order_by("reserve__index")
    return {
        state.reserve.symbol: reporting.volatility_body(drawn, asset=r, price=int(state.price) / USD)
        for r, state in enumerate(states)
    }


def cascade(
    snapshot: Snapshot,
    *,
    models: Mapping[str, ModelVersion],
    horizon_hours: int = HORIZON_HOURS,
    paths: int = PATHS,
    seed: int,
    change: Mapping[str, Mapping[str, int]] | None = None,
    response: Response = "amounts",
) -> CascadeEstimate:
    """Return the loss distribution of a snapshot; ``change`` maps symbol to parameter to its new value as on chain."""
    posed = problem(snapshot, models=models, horizon_hours=horizon_hours, paths=paths, seed=seed)
    parameters = posed.book.parameters
    for symbol, changes in (change or {}).items():
        parameters = parameters.changed(reserve=posed.book.symbols.index(symbol), changes=changes)
    return posed.evaluate(parameters, response=response)


def publish(snapshot: Snapshot, *, horizon_hours: int = HORIZON_HOURS, paths: int = PATHS, seed: int) -> list[Forecast]:
    """Register what the models in use say of a snapshot: one volatility forecast a reserve, and one cascade forecast.

    A forecast that was registered before is returned as it was: nobody improves it afterwards.

    Raises
    ------
    InputError
        When nothing was trained yet.
    StaleData, GapInData, ImplausibleData
        When the prices must not be published on; that becomes an alarm as well.
    """
    models = champions(snapshot.deployment, until=snapshot.timestamp)
    known = _published(snapshot, models=models, horizon_hours=horizon_hours)
    if known:
        return known
    with freshness.guarded(snapshot.deployment):
        posed = problem(snapshot, models=models, horizon_hours=horizon_hours, paths=paths, seed=seed)
        bodies = volatility(snapshot, version=models["volatility"], horizon_hours=horizon_hours, paths=paths, seed=seed)
    market = reporting.cascade_body(posed.evaluate(), amplification=posed.amplification())
    states = snapshot.reserve_states.select_related("reserve").order_by("reserve__index")
    rows: list[tuple[ModelVersion, Reserve | None, dict[str, object]]] = [
        (models["volatility"], state.reserve, bodies[state.reserve.symbol]) for state in states
    ]
    with transaction.atomic():
        return [
            Forecast.objects.get_or_create(
                model_version=version,
                kind=version.kind,
                reserve=reserve,
                made_at=snapshot.timestamp,
                horizon_hours=horizon_hours,
                defaults={"block_number": snapshot.block_number, "body": body},
            )[0]
            for version, reserve, body in [*rows, (models["cascade"], None, market)]
        ]


def _published(snapshot: Snapshot, *, models: Mapping[str, ModelVersion], horizon_hours: int) -> list[Forecast]:
    """Return what was registered of a snapshot, the market last; nothing unless it is complete."""
    rows = Forecast.objects.filter(
        model_version__in=models.values(), made_at=snapshot.timestamp, horizon_hours=horizon_hours
    )
    found = list(rows.select_related("reserve", "model_version").order_by(F("reserve__index").asc(nulls_last=True)))
    return found if len(found) == snapshot.reserve_states.count() + 1 else []
