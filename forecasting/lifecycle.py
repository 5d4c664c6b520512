"""The life of the league's models: trained, registered with their evidence, put to the gate, and fitted again.

A version's artifact names the hash of its forecasts out of sample, so that one content hash covers both.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from forecasting import artifacts, competing, daily, datasets, fields, fitting, gate, registering
from forecasting.competing import CONTENDER, Entry, Progress
from forecasting.core.config import TrainingConfig
from forecasting.fields import Field, Settings
from forecasting.models import ModelVersion, Snapshot
from forecasting.warners import training as training_warnings
from governance.errors import StaleData
from governance.version import code_version, lock_hash


def train(
    field: Field, *, settings: Settings, seed: int, threads: int = 1, progress: Progress = lambda *_: None
) -> tuple[ModelVersion, ...]:
    """Let all models compete on a field, register them and let the gate decide; the contender comes last.

    Raises
    ------
    TooShort
        When no day can be forecast out of sample.
    """
    entries = competing.compete(field, settings=settings, seed=seed, threads=threads, progress=progress)
    return register(field, entries, settings=settings, seed=seed)


@transaction.atomic
def register(field: Field, entries: Sequence[Entry], *, settings: Settings, seed: int) -> tuple[ModelVersion, ...]:
    """Write the versions of a competition and what the gate decides; what is known already is left as it is."""
    made = [_version(entry, field=field, settings=settings, seed=seed) for entry in entries]
    gate.settle(made)
    return tuple(sorted(made, key=lambda version: (version.name == CONTENDER, version.name)))


def refit(version: ModelVersion, *, threads: int = 1) -> str:
    """Fit ``version`` again from its dataset, configuration and seed; return the content hash of what comes out.

    Parameters
    ----------
    version : ModelVersion
    threads : int
        To compute with; the hash is the same for any number.

    Raises
    ------
    StaleData
        When the rows of its dataset, or the snapshot beneath it, are no longer there as they were.
    """
    if version.kind == ModelVersion.Kind.VARIANCE:
        return _refit_entry(version, threads=threads)
    if version.kind == ModelVersion.Kind.WARNING:
        return training_warnings.refit(version)
    dataset, deployment = version.dataset, version.deployment
    snapshot = Snapshot.objects.filter(
        deployment=deployment, block_number=dataset.block_number, timestamp=version.created_timestamp
    ).first()
    if snapshot is None:
        raise StaleData(f"The snapshot of block {dataset.block_number:,} is gone; the version cannot be fitted again.")
    config = TrainingConfig.read(version.config)
    trained = fitting.fit(snapshot, seed=version.seed, config=config, progress=lambda *_: None)
    return artifacts.content_hash(artifacts.pack(registering.contents(trained)[version.kind]))


def field_of(version: ModelVersion) -> Field:
    """Return the field that a version of the league was trained on, read again.

    Raises
    ------
    StaleData
        When its rows are no longer there as they were.
    """
    if version.deployment is None:
        return fields.of_daily(daily.load(version.dataset))
    found = fields.of_frozen(datasets.load(version.dataset), deployment=version.deployment)
    if found is None:
        raise StaleData(f"All assets of {version.deployment.name} are pegged now; they were not.")
    return found


def _refit_entry(version: ModelVersion, *, threads: int) -> str:
    settings, field = Settings.read(version.config), field_of(version)
    (entry,) = competing.compete(field, settings=settings, seed=version.seed, names=(version.name,), threads=threads)
    return artifacts.content_hash(_content(entry, field=field, settings=settings, seed=version.seed)[0])


def _content(entry: Entry, *, field: Field, settings: Settings, seed: int) -> tuple[bytes, bytes]:
    """Return the bytes of a version and those of its forecasts out of sample."""
    evidence = artifacts.pack(entry.evidence)
    content = artifacts.content_of(
        kind=ModelVersion.Kind.VARIANCE,
        name=entry.name,
        dataset=field.dataset.hash,
        seed=seed,
        config=settings.as_dict(),
        parameters={"horizons": entry.parameters, "out_of_sample": artifacts.content_hash(evidence)},
    )
    return artifacts.pack(content), evidence


def _version(entry: Entry, *, field: Field, settings: Settings, seed: int) -> ModelVersion:
    packed, evidence = _content(entry, field=field, settings=settings, seed=seed)
    version, _ = ModelVersion.objects.get_or_create(
        deployment=field.deployment,
        kind=ModelVersion.Kind.VARIANCE,
        artifact_hash=artifacts.content_hash(packed),
        code_version=code_version(),
        defaults={
            "name": entry.name,
            "line": field.line,
            "dataset": field.dataset,
            "lock_hash": lock_hash(),
            "seed": seed,
            "config": settings.as_dict(),
            "parameters": artifacts.shown(artifacts.unpack(packed)["parameters"]),
            "features": entry.features,
            "evidence_hash": artifacts.content_hash(evidence),
            "metrics": entry.metrics,
            "verdict": ModelVersion.Verdict.NOT_USED,  # whether it is used is told by the decisions
            "created_timestamp": field.moment,
        },
    )
    artifacts.store(version, content=packed, evidence=evidence)
    return version
