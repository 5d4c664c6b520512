"""The tables of the ground floor, one aggregate a file."""

from governance.models.audit import AuditEntry
from governance.models.bundle import BundleRecord
from governance.models.chain import Block, Chain, Coverage, Deployment, Log, Reorg, Stream
from governance.models.relay import RelayAttempt, RelayStep, Verification
from governance.models.vote import OnchainProposal, ProposalEvent, Vote

__all__ = [
    "AuditEntry",
    "Block",
    "BundleRecord",
    "Chain",
    "Coverage",
    "Deployment",
    "Log",
    "OnchainProposal",
    "ProposalEvent",
    "RelayAttempt",
    "RelayStep",
    "Reorg",
    "Stream",
    "Verification",
    "Vote",
]
