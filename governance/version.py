"""Which code this is: hashes of what runs, independent of any version control."""

from __future__ import annotations

import hashlib
from functools import cache

from governance.env import ROOT

FLOORS = ("governance", "forecasting", "proposals")


@cache
def code_version() -> str:
    """Return the SHA-256 of all Python sources (paths and contents), in hexadecimal."""
    digest = hashlib.sha256()
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(ROOT)}\n{len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()


@cache
def lock_hash() -> str:
    """Return the SHA-256 of the locked dependencies, in hexadecimal."""
    return hashlib.sha256((ROOT / "requirements.lock").read_bytes()).hexdigest()
