"""`manage.py train`: fit, score and register the models of a market."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from forecasting import training
from forecasting.models import ModelVersion
from forecasting.selectors import final_snapshot
from governance import deployments
from governance.errors import InputError
from governance.management.base import BreakwaterCommand
from governance.models import Deployment


class Command(BreakwaterCommand):
    """Train the models of every market, or of some."""

    help = "Train volatility and cascade models on the newest final snapshot of each market, in the Celery worker."
    needs = ("database", "broker", "worker")
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to train and how."""
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="protocols to train for (default: all)")
        parser.add_argument("--seed", type=int, default=training.SEED, help="seed of all draws (default: %(default)s)")
        parser.add_argument("--paths", type=int, help="joint paths of the published forecast")
        parser.add_argument("--timeout", type=float, default=900.0, help="seconds to wait (default: %(default).0f)")

    def handle(self, *, slugs: list[str], seed: int, paths: int | None, timeout: float, **_: Any) -> None:  # noqa: ANN401
        """Ask for the runs, follow them and report."""
        trained = []
        for deployment in deployments.select(slugs, kind=Deployment.Kind.PROTOCOL):
            snapshot = final_snapshot(deployment)
            if snapshot is None:
                message = f"{deployment.name} has no snapshot yet of a final block; run `manage.py collect`."
                raise InputError(message, field="snapshot", value=deployment.slug)
            config = {} if paths is None else {"paths": paths}
            run = training.request(deployment, snapshot, seed=seed, config=config)
            with self.progress(f"training {deployment.name}") as progress:
                version = training.wait(run, progress=progress, timeout=timeout)
            trained.append(_report(deployment, version))
            self.say(_text(deployment, version))
        self.answer({"trained": trained}, "" if trained else "Nothing is watched yet; see manage.py watch --help.")


def _report(deployment: Deployment, cascade: ModelVersion) -> dict[str, object]:
    versions = [version for version in (cascade.parent, cascade) if version is not None]
    return {
        "deployment": deployment.slug,
        "models": [
            {
                "kind": version.kind,
                "name": version.name,
                "verdict": version.verdict,
                "artifact_hash": version.artifact_hash,
                "dataset_hash": version.dataset.hash,
                "coverage_digest": version.dataset.coverage_digest,
                "code_version": version.code_version,
                "seed": version.seed,
                "metrics": version.metrics,
            }
            for version in versions
        ],
    }


def _text(deployment: Deployment, cascade: ModelVersion) -> str:
    volatility = cascade.parent
    if volatility is None:
        return f"{deployment.name}: {cascade}"
    lines = [f"{deployment.name}: {volatility} and {cascade}, trained to block {cascade.dataset.block_number:,}."]
    lines.extend(_asset_line(asset, volatility.metrics) for asset in volatility.metrics["assets"])
    return "\n".join(lines)


def _asset_line(asset: dict[str, Any], metrics: dict[str, Any]) -> str:
    name = f"  {asset['symbol']:<6}"
    if not asset["n"]:
        return f"{name} {metrics['days']} days are too few to compare models; {metrics['baseline']} is used."
    verdict = (
        f"better than luck explains; {metrics['model']} is used"
        if asset["beats"]
        else (f"that may be luck; {metrics['baseline']} is used")
    )
    losses = f"QLIKE {asset['model']:.3f} against {asset['baseline']:.3f} of {metrics['baseline']}"
    interval = f"ratio {asset['ratio']:.2f}, 90 % interval {asset['low']:.2f} to {asset['high']:.2f}"
    return f"{name} {losses} over {asset['n']} days ({interval}): {verdict}."
