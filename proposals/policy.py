"""The policy: the default document, and the verbs that load and activate a version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from django.db import transaction
from django.db.models import Max

from governance.errors import InputError, PolicyError
from proposals.core.canonical import digest, encode
from proposals.core.policy import PolicyBody, read_policy
from proposals.models import Policy

DAY: Final = 24 * 3600

DEFAULT: Final[dict[str, Any]] = {
    "format": "breakwater-policy/1",
    "name": "Careful default",
    "parameters": {
        "liquidation_threshold": {
            "kind": "absolute",
            "limit": 300,
            "cooldown_seconds": 3 * DAY,
            "minimum": 1_000,
            "maximum": 9_500,
            "grid": [-200, -100, 100, 200],
        },
        "ltv": {  # no grid of its own: it follows the threshold
            "kind": "absolute",
            "limit": 300,
            "cooldown_seconds": 3 * DAY,
            "minimum": 0,
            "maximum": 9_300,
            "grid": [],
        },
        "liquidation_bonus": {  # as on chain: 10_000 plus the bonus
            "kind": "absolute",
            "limit": 100,
            "cooldown_seconds": 3 * DAY,
            "minimum": 10_100,
            "maximum": 11_500,
            "grid": [-50, 50],
        },
        "supply_cap": {
            "kind": "relative",
            "limit": 5_000,
            "cooldown_seconds": 3 * DAY,
            "minimum": 1,
            "maximum": 2**36 - 1,
            "grid": [2_500],
        },
        "borrow_cap": {
            "kind": "relative",
            "limit": 5_000,
            "cooldown_seconds": 3 * DAY,
            "minimum": 1,
            "maximum": 2**36 - 1,
            "grid": [2_500],
        },
    },
    "safety": {
        "max_lt_with_bonus_bps": 9_700,
        "min_buffer_bps": 200,
        "max_accounts_pushed": 0,
        "min_cap_use_bps": 8_000,
        "max_data_age_seconds": 6 * 3600,
        "max_gap_seconds": 12 * 3600,
    },
    "objective": {"es99_weight": 25, "borrower_loss_weight": 5},
    "search": {
        "horizon_hours": 168,
        "paths": 2_000,
        "step_hours": 4,
        "stress_bps": 30_000,
        "confidence_bps": 9_500,
        "resamples": 400,
    },
    "models": {"sign_off": True},
}


def read_file(path: Path) -> object:
    """Return the JSON document in ``path``.

    Raises
    ------
    InputError
        If there is no such file, or it holds no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", field="file", value=path) from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}.", field="file", value=path) from error


@transaction.atomic
def load(document: object) -> Policy:
    """Store ``document`` as the next version, unless it is there already, and make it the active one.

    Raises
    ------
    PolicyError
        If it has another shape or contradicts itself; nothing is stored then.
    """
    body = read_policy(document)
    content = encode(document)
    latest = Policy.objects.aggregate(version=Max("version"))["version"] or 0
    policy, _ = Policy.objects.get_or_create(
        hash=digest(content), defaults={"version": latest + 1, "name": body.name, "body": document}
    )
    Policy.objects.filter(active=True).exclude(pk=policy.pk).update(active=False)
    Policy.objects.filter(pk=policy.pk).update(active=True)
    policy.refresh_from_db()
    return policy


def ensure() -> Policy:
    """Return the active policy; the first time that is the default."""
    policy = Policy.objects.filter(active=True).first()
    return policy or load(DEFAULT)


def models_need_sign_off() -> bool:
    """Return whether the policy in force wants a steward's signature before a model is promoted."""
    return body_of(ensure()).models.sign_off


def body_of(policy: Policy) -> PolicyBody:
    """Return the document of a stored policy, whose bytes must still have its hash.

    Raises
    ------
    PolicyError
        If the stored document is not the one that was hashed.
    """
    if digest(encode(policy.body)) != policy.hash:
        raise PolicyError(f"Policy v{policy.version} was altered: its text no longer has its hash.", hash=policy.hash)
    return read_policy(policy.body)
