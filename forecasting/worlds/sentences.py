"""How scenarios say when, and what was moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from forecasting.core.worlds import stress


def moment(timestamp: int) -> str:
    """Return a time for people."""
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M} UTC"


def day(timestamp: int) -> str:
    """Return the day of a time."""
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d}"


def moved(steps: Mapping[str, Sequence[Sequence[float]]]) -> list[str]:
    """Return what was moved when, asset by asset."""
    return [
        f"{symbol}: {', '.join(f'{change:+.2%} in hour {int(hour) + 1}' for hour, change in rows)}."
        for symbol, rows in steps.items()
    ]


def compared(reach: Mapping[str, float]) -> str:
    """Return what was done about assets that are not in the stress table."""
    told = [f"{asset} {value:.2f}" for asset, value in sorted(reach.items()) if value and not stress.anchor(asset)]
    return f"; volatility over ether's: {', '.join(told)}" if told else ""
