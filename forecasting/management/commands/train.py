"""`manage.py train`: fit, score and register the models of a market, of imported assets, or of warnings."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from forecasting import gate, runs, training
from forecasting.backtests.cascade import AMOUNT, BOOKS
from forecasting.backtests.cascade import HORIZONS as HOURS
from forecasting.backtests.cascade import KIND as BACKTEST
from forecasting.backtests.cascade import targets as targets_of
from forecasting.core.league import HORIZONS
from forecasting.fields import DAYS, SPANS, split
from forecasting.models import Decision, ModelVersion, TrainingRun
from forecasting.selectors import final_snapshot
from forecasting.warners.plans import Plan
from governance import deployments
from governance.errors import InputError
from governance.management.base import BreakwaterCommand
from governance.models import Deployment


class Command(BreakwaterCommand):
    """Train the models of every market, of some, of imported assets, or of warnings."""

    help = (
        "Train models in the Celery worker: of volatility and cascades on the newest final snapshot of each market, "
        "the league's on imported prices (--source), or warnings of liquidations on imported files (--warnings)."
    )
    needs = ("database", "broker", "worker")
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to train and how."""
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="protocols to train for (default: all)")
        parser.add_argument("--seed", type=int, default=training.SEED, help="seed of all draws (default: %(default)s)")
        parser.add_argument("--paths", type=int, help="joint paths of the published forecast")
        parser.add_argument("--source", default="", help="imported prices to train on, in place of markets")
        parser.add_argument("--assets", default="", metavar="A,B", help="with --source: which assets compete")
        parser.add_argument(
            "--warnings", action="store_true", help="train warnings of liquidations, in place of markets"
        )
        parser.add_argument(
            "--liquidations", default="", metavar="A,B", help="with --warnings: datasets (default: all)"
        )
        parser.add_argument(
            "--funding", default="", metavar="A,B", help="with --warnings: datasets (default: all; none: without)"
        )
        parser.add_argument(
            "--usd", type=float, default=AMOUNT, help="with --warnings: to foresee (default: %(default).0f)"
        )
        parser.add_argument("--books", default="", metavar="A,B", help=f"with --warnings: {BOOKS}")
        parser.add_argument(
            "--train-until",
            default="",
            metavar="DATE",
            help="with --warnings: learn from what was known at the end of this day",
        )
        parser.add_argument(
            "--days", type=int, default=DAYS, help="with --source: days forecast out of sample (default: %(default)s)"
        )
        parser.add_argument(
            "--horizons",
            default="",
            metavar="H,H",
            help=f"with --source: among {', '.join(HORIZONS)} (default: {','.join(SPANS)}); with --warnings: hours"
            f" (default: {HOURS})",
        )
        parser.add_argument("--cancel", type=int, metavar="ID", help="stop a training run, in place of asking for one")
        parser.add_argument("--timeout", type=float, default=900.0, help="seconds to wait (default: %(default).0f)")

    def handle(
        self,
        *,
        slugs: list[str],
        source: str,
        timeout: float,
        cancel: int | None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Ask for the runs, follow them and report; or cancel one."""
        if cancel is not None:
            run = runs.cancel(cancel)
            self.answer({"id": run.pk, "status": run.status, "error": run.error}, f"Training run {run.pk}: {run.error}")
            return
        if options["warnings"]:
            self._warnings(slugs, source, timeout=timeout, **options)
            return
        if source:
            if slugs:
                raise InputError("Name markets or a --source, not both.", field="source", value=source)
            self._source(source, timeout=timeout, **options)
            return
        if options["assets"]:
            raise InputError("--assets goes with a --source of imported prices.", field="assets")
        trained = [
            self._market(deployment, timeout=timeout, **options)
            for deployment in deployments.select(slugs, kind=Deployment.Kind.PROTOCOL)
        ]
        self.answer({"trained": trained}, "" if trained else "Nothing is watched yet; see manage.py watch --help.")

    def _market(
        self,
        deployment: Deployment,
        *,
        seed: int,
        paths: int | None,
        timeout: float,
        **_: Any,  # noqa: ANN401
    ) -> dict[str, object]:
        snapshot = final_snapshot(deployment)
        if snapshot is None:
            message = f"{deployment.name} has no snapshot yet of a final block; run `manage.py collect`."
            raise InputError(message, field="snapshot", value=deployment.slug)
        config = {} if paths is None else {"paths": paths}
        run = training.request(deployment, snapshot, seed=seed, config=config)
        self._tell(run)
        with self.progress(f"training {deployment.name}") as progress:
            version = training.wait(run, progress=progress, timeout=timeout)
        self.say(_text(deployment, version))
        return _report(deployment, version)

    def _source(
        self,
        source: str,
        *,
        assets: str,
        days: int,
        horizons: str,
        seed: int,
        timeout: float,
        **_: Any,  # noqa: ANN401
    ) -> None:
        config = {"days": days, "horizons": split(horizons or ",".join(SPANS))}
        run = training.request_source(source, split(assets), seed=seed, config=config)
        self._tell(run)
        with self.progress(f"training on {source}") as progress:
            version = training.wait(run, progress=progress, timeout=timeout)
        made = ModelVersion.objects.filter(
            line=version.line, dataset=version.dataset, code_version=version.code_version
        )
        versions = list(made.select_related("dataset").order_by("pk"))
        used = gate.in_use(version.line)
        left_out = sorted(set(split(assets)) - {asset["symbol"] for asset in version.metrics["assets"]})
        if left_out:
            self.say(f"Left out, for they are pegged: {', '.join(left_out)}.")
        decided = Decision.objects.filter(version__in=versions)
        self.answer(
            {
                "line": version.line,
                "left_out": left_out,
                "models": [_version(one) | {"version": one.pk, "in_use": one == used} for one in versions],
                "decisions": [
                    {"version": one.version_id, "decision": one.kind, "reason": one.reason, **one.facts}
                    for one in decided
                ],
            },
            _league_text(versions, used=used, decided=list(decided)),
        )

    def _warnings(
        self,
        slugs: list[str],
        source: str,
        *,
        timeout: float,
        seed: int,
        train_until: str,
        **options: Any,  # noqa: ANN401
    ) -> None:
        if slugs:
            raise InputError("Name markets or --warnings, not both.", field="warnings", value=", ".join(slugs))
        asked = BACKTEST.request({**options, "source": source, "train_until": train_until})
        made: list[ModelVersion] = []
        for target in targets_of(asked):
            alone = [pair for pair in asked["foreseen"] if pair == [target.hours, target.usd]]
            chosen = {**asked, "foreseen": alone}
            run = training.request_warnings(Plan(chosen=chosen, target=target, until=asked["train_until"]), seed=seed)
            self._tell(run)
            with self.progress(f"training {target.name}") as progress:
                made.append(training.wait(run, progress=progress, timeout=timeout))
        told = [_warning(version) for version in made]
        self.answer({"lines": told}, "\n".join(_warning_text(one) for one in told))

    def _tell(self, run: TrainingRun) -> None:
        if run.status in runs.OPEN:
            self.say(f"Training run {run.pk}; `manage.py train --cancel {run.pk}` stops it.")


def _report(deployment: Deployment, cascade: ModelVersion) -> dict[str, object]:
    versions = [version for version in (cascade.parent, cascade) if version is not None]
    return {
        "deployment": deployment.slug,
        "models": [_version(version) for version in versions],
    }


def _warning(version: ModelVersion) -> dict[str, Any]:
    """Return the versions that were made together with one, and what was decided about them."""
    rows = ModelVersion.objects.filter(line=version.line, dataset=version.dataset, code_version=version.code_version)
    versions, used = list(rows.select_related("dataset").order_by("pk")), gate.in_use(version.line)
    return {
        "line": version.line,
        "target": version.config["target"],
        "models": [_version(one) | {"version": one.pk, "in_use": one == used} for one in versions],
        "decisions": [
            {
                "version": one.version_id,
                "model": one.version.name,
                "decision": one.kind,
                "reason": one.reason,
                **one.facts,
            }
            for one in Decision.objects.filter(version__in=versions).select_related("version")
        ],
    }


def _warning_text(told: dict[str, Any]) -> str:
    first = told["models"][0]["metrics"]
    lines = [
        f"{told['line']}: {first['days']} days forecast unseen, {first['episodes']} episodes; Brier skill, PR-AUC, ECE:"
    ]
    for one in told["models"]:
        numbers = (one["metrics"][name] for name in ("brier_skill", "pr_auc", "ece"))
        cells = " ".join("      -" if value is None else f"{value:7.3f}" for value in numbers)
        lines.append(f"  {one['version']:>5} {one['name']:<14} {cells}{'  in use' if one['in_use'] else ''}")
    judged: list[dict[str, Any]] = next(
        (one["metrics"]["judged"] for one in told["models"] if one["metrics"]["judged"]), []
    )
    lines += [f"  {one['name']} {one['why']}." for one in judged]
    lines += [f"{one['model']} {one['decision']}: {one['reason']}" for one in told["decisions"]]
    return "\n".join(lines)


def _version(version: ModelVersion) -> dict[str, object]:
    return {
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


def _league_text(versions: list[ModelVersion], *, used: ModelVersion | None, decided: list[Decision]) -> str:
    lines = [
        f"{versions[0].line}: {versions[0].metrics['days']} days forecast out of sample, mean QLIKE one day ahead:"
    ]
    for version in versions:
        losses = [asset["qlike"] for asset in version.metrics["assets"] if asset["n"]]
        mean = f"{sum(losses) / len(losses):.4f}" if losses else "-"
        lines.append(f"  {version.pk:>5} {version.name:<14} {mean:>8}{'  in use' if version == used else ''}")
    lines += [f"{one.version.name} {one.get_kind_display().lower()}: {one.reason}" for one in decided]
    return "\n".join(lines)


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
