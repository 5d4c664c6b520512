"""A bundle as JSON and back, and the hash under which people approve it.

Numbers are written as decimal text and bytes as ``0x`` text, so that no reader in no language rounds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from governance.domain.action import Bundle, Call, Expectation
from governance.domain.canonical import digest

if TYPE_CHECKING:
    from collections.abc import Mapping


def bundle_hash(bundle: Bundle) -> str:
    """Return the SHA-256 of everything that was approved: calls, text and expectations."""
    return digest(to_json(bundle))


def to_json(bundle: Bundle) -> dict[str, Any]:
    """Return ``bundle`` as JSON-ready data."""
    return {
        "version": 1,
        "calls": [_call(call) for call in bundle.calls],
        "description": bundle.description,
        "expectations": [
            {
                "call": _call(expectation.call),
                "word": expectation.word,
                "before": str(expectation.before),
                "after": str(expectation.after),
                "label": expectation.label,
                "unit": expectation.unit,
            }
            for expectation in bundle.expectations
        ],
    }


def from_json(body: Mapping[str, Any]) -> Bundle:
    """Return the bundle that `to_json` wrote.

    Raises
    ------
    KeyError, ValueError, TypeError
        For a body that `to_json` did not write.
    """
    if body["version"] != 1:
        message = f"unknown bundle version {body['version']!r}"
        raise ValueError(message)
    return Bundle(
        calls=tuple(_read_call(call) for call in body["calls"]),
        description=body["description"],
        expectations=tuple(
            Expectation(
                call=_read_call(item["call"]),
                word=int(item["word"]),
                before=int(item["before"]),
                after=int(item["after"]),
                label=item["label"],
                unit=item["unit"],
            )
            for item in body["expectations"]
        ),
    )


def _call(call: Call) -> dict[str, str]:
    return {"target": call.target, "value": str(call.value), "data": f"0x{call.data.hex()}"}


def _read_call(call: Mapping[str, str]) -> Call:
    return Call(target=call["target"], value=int(call["value"]), data=bytes.fromhex(call["data"].removeprefix("0x")))
