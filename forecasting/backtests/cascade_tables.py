"""The result of `manage.py backtest cascade` as tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

HEADS = ("PR-AUC", "90 % interval", "Brier skill", "ECE", "slope", "recall", "lead h")
WIDTHS = (7, 14, 12, 7, 6, 7, 7)


def text(result: Mapping[str, Any]) -> str:
    """Return a table of forecasters for each target."""
    first, last = (_day(result[name]) for name in ("from", "to"))
    how = "learnt once, before" if result["train_until"] else f"learnt anew every {result['block_days']} days"
    lines = [f"Tested {first} to {last}; {how}."]
    for name, target in result["targets"].items():
        lines += ["", *_target(name, target, result["meaning"])]
    return "\n".join(lines)


def _target(name: str, target: Mapping[str, Any], meaning: Mapping[str, str]) -> list[str]:
    base, leaks = target["base_rate"], target["leaks"]
    abstained = f"; it abstained in {target['abstained']:,}" if target["abstained"] else ""
    return [
        (
            f"{name}: at least {target['usd']:,.0f} USD within {target['hours']} hours came true after"
            f" {100 * (base or 0):.1f} % of {target['scored']:,} hours, in {target['episodes']} episodes{abstained}."
        ),
        f"  {'':12}" + " ".join(f"{head:>{width}}" for head, width in zip(HEADS, WIDTHS, strict=True)),
        *(_row(known, target[known]) for known in meaning if known in target),
        *(f"  {one['name']} {one['why']}." for one in target.get("features", [])),
        (
            f"  Leak tests {'passed' if leaks['passed'] else 'FAILED'}: with shuffled outcomes PR-AUC"
            f" {max(leaks['shuffled']['pr_auc']):.3f} at most (base rate {min(leaks['shuffled']['base_rate']):.3f}),"
            f" with features of the next hour {leaks['next_hour']['pr_auc']:.3f}."
        ),
    ]


def _row(name: str, row: Mapping[str, Any]) -> str:
    low, high = row["interval"]["pr_auc"] or (None, None)
    cells = (
        _cell(row["pr_auc"]),
        f"{_cell(low)}..{_cell(high)}",
        _cell(row["brier_skill"], sign="+"),
        _cell(row["ece"]),
        _cell(row["slope"], places=2),
        _cell(row["recall"], places=2),
        _cell(row["median_lead_hours"], places=1),
    )
    return f"  {name:12}" + " ".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))


def _cell(value: float | None, *, places: int = 3, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.{places}f}"


def _day(stamp: int) -> str:
    return datetime.fromtimestamp(stamp, tz=UTC).date().isoformat()
