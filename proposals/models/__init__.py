"""The tables of decisions and their evidence."""

from __future__ import annotations

from proposals.models.evidence import EvidenceReport
from proposals.models.outcome import Outcome
from proposals.models.policy import Policy
from proposals.models.proposal import Draft, SignOff
from proposals.models.recommendation import Recommendation

__all__ = ["Draft", "EvidenceReport", "Outcome", "Policy", "Recommendation", "SignOff"]
