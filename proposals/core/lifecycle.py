"""The life of a draft, as one table; the database enforces it."""

from __future__ import annotations

from typing import Final

from governance.domain.lifecycle import Machine

DRAFT: Final = Machine(
    {
        "draft": ("signed",),
        "signed": ("submitted",),
        "submitted": ("executed", "rejected"),
        "executed": ("scored",),
        "scored": (),
        "rejected": (),
    }
)
