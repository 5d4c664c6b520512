"""One byte form of JSON data, so that equal data has an equal hash."""

from __future__ import annotations

import hashlib
import json


def canonical(data: object) -> bytes:
    """Return JSON-ready ``data`` as UTF-8 with sorted keys and no blanks.

    Raises
    ------
    ValueError
        For not-a-number and infinity, which JSON does not have.
    TypeError
        For what JSON cannot hold.
    """
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(data: object) -> str:
    """Return the SHA-256 of the canonical form, as ``0x`` and 64 lower-case digits."""
    return f"0x{hashlib.sha256(canonical(data)).hexdigest()}"
