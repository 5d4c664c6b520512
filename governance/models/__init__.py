"""The tables of the ground floor, one aggregate a file."""

from governance.models.archive import Archive, ArchiveFile, ArchiveLog, ArchiveRecord
from governance.models.audit import AuditEntry
from governance.models.bundle import BundleRecord
from governance.models.chain import Block, Chain, Coverage, Deployment, Incident, Log, Provider, Reorg, Stream
from governance.models.relay import RelayAttempt, RelayStep, Verification
from governance.models.vote import OnchainProposal, ProposalEvent, Vote

__all__ = [
    "Archive",
    "ArchiveFile",
    "ArchiveLog",
    "ArchiveRecord",
    "AuditEntry",
    "Block",
    "BundleRecord",
    "Chain",
    "Coverage",
    "Deployment",
    "Incident",
    "Log",
    "OnchainProposal",
    "ProposalEvent",
    "Provider",
    "RelayAttempt",
    "RelayStep",
    "Reorg",
    "Stream",
    "Verification",
    "Vote",
]
