"""From a snapshot to a recommendation: guard the data, search on common futures, confirm on fresh ones, keep all."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from typing import Any, Final

from forecasting import forecasts
from forecasting.core.cascade import CascadeProblem
from forecasting.models.history import Reserve, Snapshot
from forecasting.models.registry import ModelVersion
from governance.domain.units import BPS
from governance.errors import InputError
from governance.locks import exclusive
from governance.version import code_version, lock_hash
from proposals.core import words
from proposals.core.canonical import plain
from proposals.core.finding import blocks
from proposals.core.objective import summarise
from proposals.core.policy import PolicyBody
from proposals.core.scoring import LEVELS, quantiles
from proposals.core.search import Candidate, Progress, Score, SearchResult, Setting, search
from proposals.core.simulation import Simulation, pose
from proposals.core.text import plain_symbol
from proposals.guardrails import judge, judge_data
from proposals.market import Market, read_market
from proposals.models import Policy, Recommendation
from proposals.policy import body_of

SEED: Final = 1
CONFIRMATION_SEED: Final = 1_000_003  # added to the search's seed
CONFIRMATION_PATHS: Final = 4  # times the search's paths


def silent(done: int, total: int, text: str) -> None:
    """Show no progress."""


def recommend(
    reserve: Reserve, *, snapshot: Snapshot, policy: Policy, progress: Progress = silent, seed: int = SEED
) -> Recommendation:
    """Search a better setting of ``reserve`` and store the result, also when it is to change nothing.

    The same inputs give the same row: a recommendation that was made before from the same snapshot, policy, models,
    seed and code is returned as it is.

    Parameters
    ----------
    reserve : Reserve
        Whose parameters to tune.
    snapshot : Snapshot
        The book, at one block.
    policy : Policy
        Limits, weights and grid.
    progress : callable
        Told (done, total, text) as candidates are simulated.
    seed : int
        Seed of the futures and of the bootstrap; that of the confirmation's futures derives from it.

    Raises
    ------
    InputError
        If the reserve is not in the snapshot, no model was trained yet, or it has seen what came after the snapshot.
    PolicyError
        If the stored policy is not the one that was hashed.
    ConflictError
        If another process searches the same reserve at this moment.
    """
    body = body_of(policy)
    market = read_market(reserve, snapshot=snapshot)
    data = judge_data(market.case(market.current, policy=body))
    models = {} if blocks(data) else _models(snapshot)
    inputs = plain(_inputs(reserve, snapshot=snapshot, policy=policy, body=body, models=models, seed=seed))
    with exclusive(f"recommend {reserve.pk}"):
        known = Recommendation.objects.filter(reserve=reserve, snapshot=snapshot, policy=policy, inputs=inputs).first()
        if known:
            return known
        if blocks(data):
            result = {"status": Recommendation.Status.ABSTAINED, "findings": [finding.as_dict() for finding in data]}
        else:
            simulation, fresh = (
                _simulation(market, snapshot=snapshot, models=models, policy=body, paths=paths, seed=drawn)
                for paths, drawn in ((body.search.paths, seed), _confirmation(body, seed))
            )
            result = _search(market, simulation=simulation, fresh=fresh, policy=body, seed=seed, progress=progress)
        return Recommendation.objects.create(
            reserve=reserve,
            snapshot=snapshot,
            policy=policy,
            volatility_model=models.get("volatility"),
            cascade_model=models.get("cascade"),
            inputs=inputs,
            seed=seed,
            created_timestamp=snapshot.timestamp,
            **{name: plain(value) for name, value in result.items()},
        )


def _models(snapshot: Snapshot) -> dict[str, ModelVersion]:
    """Return the models in use, none of which has seen what came after ``snapshot``."""
    models = forecasts.champions(snapshot.deployment)
    for kind, model in models.items():
        if model.created_timestamp > snapshot.timestamp:
            raise InputError(
                f"The {kind} model was trained on data from after block {snapshot.block_number:,}; "
                "run collect and recommend from a newer snapshot.",
                field="snapshot",
                value=snapshot.block_number,
            )
    return models


def _confirmation(policy: PolicyBody, seed: int) -> tuple[int, int]:
    """Return paths and seed of the futures on which the search's pick must hold."""
    return policy.search.paths * CONFIRMATION_PATHS, seed + CONFIRMATION_SEED


def _simulation(
    market: Market, *, snapshot: Snapshot, models: dict[str, ModelVersion], policy: PolicyBody, paths: int, seed: int
) -> Simulation:
    problem = _problem(
        snapshot.pk,
        tuple(sorted((kind, model.pk) for kind, model in models.items())),
        hours=policy.search.horizon_hours,
        paths=paths,
        seed=seed,
    )
    column = problem.book.symbols.index(market.symbol)
    return pose(problem, reserve=column, current=market.current, settings=policy.search)


@lru_cache(maxsize=2)
def _problem(
    snapshot_id: int, model_ids: tuple[tuple[str, int], ...], *, hours: int, paths: int, seed: int
) -> CascadeProblem:
    """Return the futures of a snapshot; the last ones of both sets are kept, for the market's next reserve."""
    versions = ModelVersion.objects.in_bulk([pk for _, pk in model_ids])
    return forecasts.problem(
        Snapshot.objects.get(pk=snapshot_id),
        models={kind: versions[pk] for kind, pk in model_ids},
        horizon_hours=hours,
        paths=paths,
        seed=seed,
    )


def _inputs(
    reserve: Reserve,
    *,
    snapshot: Snapshot,
    policy: Policy,
    body: PolicyBody,
    models: dict[str, ModelVersion],
    seed: int,
) -> dict[str, object]:
    """Return everything that the result depends on, by content and not by row number."""
    deployment = snapshot.deployment
    confirmation = dict(zip(("paths", "seed"), _confirmation(body, seed), strict=True))
    return {
        "chain": {
            "chain_id": deployment.chain_id,
            "block_number": snapshot.block_number,
            "block_hash": snapshot.block_hash,
            "timestamp": snapshot.timestamp,
        },
        "market": {"name": deployment.name, "flavour": deployment.flavour, "addresses": deployment.addresses},
        "reserve": {"symbol": reserve.symbol, "address": reserve.address, "decimals": reserve.decimals},
        "coverage_digest": snapshot.coverage_digest,
        "dataset_hash": snapshot.dataset_hash,
        "policy": {"name": policy.name, "hash": policy.hash},
        "models": {
            kind: {
                "name": model.name,
                "artifact_hash": model.artifact_hash,
                "dataset_hash": model.dataset.hash,
                "coverage_digest": model.dataset.coverage_digest,
                "code_version": model.code_version,
                "seed": model.seed,
            }
            for kind, model in sorted(models.items())
        },
        "code_version": code_version(),
        "lock_hash": lock_hash(),
        "seed": seed,
        "horizon_hours": body.search.horizon_hours,
        "paths": body.search.paths,
        "confirmation": confirmation,
        "step_hours": body.search.step_hours,
        "stress_bps": body.search.stress_bps,
        "resamples": body.search.resamples,
        "confidence_bps": body.search.confidence_bps,
    }


def _search(
    market: Market, *, simulation: Simulation, fresh: Simulation, policy: PolicyBody, seed: int, progress: Progress
) -> dict[str, Any]:
    result = search(
        current=market.current,
        policy=policy,
        admit=lambda setting: judge(market.case(setting, policy=policy)),
        evaluate=simulation.judged,
        confirm=fresh.judged,
        seed=seed,
        progress=progress,
    )
    status = Recommendation.Status
    case = market.case(result.chosen.candidate.setting, policy=policy)
    return {
        "status": status.CHANGE_NOTHING if result.chosen is result.baseline else status.RECOMMENDED,
        "baseline": _scored(result.baseline),
        "candidates": _candidates(result),
        "chosen": {
            **_scored(result.chosen),
            **_responses(case.proposed, simulation=fresh, policy=policy),
            "changes": [change.as_dict() for change in case.changes],
            "why": words.why(
                result,
                case.changes,
                symbol=plain_symbol(market.symbol),
                paths=policy.search.paths,
                fresh=_confirmation(policy, seed)[0],
                confidence=policy.search.confidence_bps / BPS,
            ),
        },
        "findings": [finding.as_dict() for finding in (*judge(case), *result.sanity)],
    }


def _responses(setting: Setting, *, simulation: Simulation, policy: PolicyBody) -> dict[str, object]:
    """Return both borrower responses, and the distribution under the first, by which the outcome is scored."""
    amounts = simulation.under(setting, response="amounts")
    health = simulation.under(setting, response="relever")
    return {
        "responses": {
            "constant_amounts": asdict(summarise(amounts, weights=policy.objective)),
            "constant_health": asdict(summarise(health, weights=policy.objective)),
        },
        "quantiles": {
            "levels": LEVELS,
            "bad_debt": quantiles(amounts.bad_debt),
            "liquidated": quantiles(amounts.liquidated),
            "borrower_loss": quantiles(amounts.borrower_loss),
            "volatility": quantiles(simulation.volatility, dust=0.0),
        },
    }


def _candidates(result: SearchResult) -> list[dict[str, object]]:
    rows = [_scored(score) for score in result.scores] + [_candidate(candidate) for candidate in result.rejected]
    return sorted(rows, key=lambda row: int(str(row["index"])))


def _scored(score: Score) -> dict[str, object]:
    gain = {"gain": score.gain.value, "gain_low": score.gain.low, "gain_high": score.gain.high}
    return {**_candidate(score.candidate), "numbers": {**asdict(score.numbers), **gain}}


def _candidate(candidate: Candidate) -> dict[str, object]:
    return {
        "index": candidate.index,
        "parameters": dict(candidate.setting),
        "admissible": candidate.admissible,
        "rejected_by": [finding.as_dict() for finding in candidate.findings if finding.level == "block"],
        "numbers": {},
    }
