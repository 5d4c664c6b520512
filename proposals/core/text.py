"""The text of a proposal, written from facts and read back by the checks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from proposals.core.change import Change
from proposals.core.diff import sentence
from proposals.core.words import percent, usd

TITLE_LENGTH: Final = 200

_ROW = re.compile(r"^\| (?P<label>[^|]+?) \| (?P<before>[^|]+?) \| (?P<after>[^|]+?) \|$")
_NUMBERS: Final = (
    ("Borrowing power", "capacity", usd),
    ("Expected bad debt", "expected_bad_debt", usd),
    ("Probability of bad debt", "probability_bad_debt", percent),
    ("Bad debt, worst 5 % begin at (VaR95)", "var95", usd),
    ("Bad debt, mean of the worst 1 % (ES99)", "es99", usd),
    ("The same under stress", "stressed_es99", usd),
    ("Liquidated, worst 5 % begin at (LaR95)", "lar95", usd),
    ("Expected loss of liquidated borrowers", "borrower_loss", usd),
)


def plain_symbol(symbol: str) -> str:
    """Return a token's symbol without anything that Markdown or HTML could understand: tokens choose their own."""
    return re.sub(r"[^A-Za-z0-9.+-]", "", symbol)[:20] or "token"


def write_title(symbol: str, changes: Sequence[Change]) -> str:
    """Return the proposal's title."""
    return f"{symbol}: {sentence(changes)}"[:TITLE_LENGTH]


def write_body(
    *, title: str, market: str, recommendation: Mapping[str, Any], inputs: Mapping[str, Any], changes: Sequence[Change]
) -> str:
    """Return the proposal's text in Markdown.

    Parameters
    ----------
    title : str
        From `write_title`.
    market : str
        Name of the market.
    recommendation : Mapping
        ``baseline``, ``chosen`` and ``findings`` as `Recommendation` keeps them.
    inputs : Mapping
        Its inputs.
    changes : sequence of Change
        What the calls do.
    """
    chosen, baseline = recommendation["chosen"], recommendation["baseline"]
    chain, futures = inputs["chain"], inputs.get("confirmation", inputs)["paths"]
    return "\n".join(
        [
            f"# {title}",
            "",
            f"Market: {market}. Based on block {chain['block_number']} of chain {chain['chain_id']}.",
            "",
            "## What changes",
            "",
            "| Parameter | Before | After |",
            "|---|---|---|",
            *(f"| {change.heading} | {change.before_text} | {change.after_text} |" for change in changes),
            "",
            "## Why",
            "",
            str(chosen["why"]),
            "",
            f"## What {futures:,} simulated futures of {inputs['horizon_hours']} hours say",
            "",
            "| | Change nothing | This proposal |",
            "|---|---|---|",
            *_numbers(baseline["numbers"], chosen["numbers"]),
            "",
            (
                "Under stress, if no borrower responds to the change, ES99 of bad debt is "
                f"{usd(chosen['responses']['constant_amounts']['stressed_es99'])}; if all use the new room at once, "
                f"{usd(chosen['responses']['constant_health']['stressed_es99'])}."
            ),
            "",
            "## Safeguards",
            "",
            *_safeguards(recommendation["findings"]),
        ]
    )


def _numbers(baseline: Mapping[str, float], chosen: Mapping[str, float]) -> Iterator[str]:
    for label, key, write in _NUMBERS:
        yield f"| {label} | {write(baseline[key])} | {write(chosen[key])} |"


def _safeguards(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for finding in findings:
        yield f"- {finding['level'].upper()} {finding['code']}: {finding['message']}"


def write_description(body: str, *, evidence_hash: str, proposer: str) -> str:
    """Return what goes on chain: the text, the hash of its evidence, and who alone may propose it.

    The suffix is OpenZeppelin's: a governor of version 5 refuses the text from anybody but that proposer, so nobody
    can front-run the proposal and cancel it.
    """
    evidence = (
        f"SHA-256 of the evidence report: {evidence_hash}\n\n"
        "Whoever has the report can hash its bytes; `manage.py evidence verify` does so and more."
    )
    return f"{body}\n\n## Evidence\n\n{evidence}\n\n{suffix(proposer)}"


def suffix(proposer: str) -> str:
    """Return the ending that binds a description to its proposer."""
    return f"#proposer={proposer.lower()}"


def read_changes(body: str) -> dict[str, tuple[str, str]]:
    """Return label -> (before, after) from the table under "What changes"; empty when there is none."""
    _, _, rest = body.partition("\n## What changes\n")
    section, _, _ = rest.partition("\n## ")
    rows = [match.groupdict() for line in section.splitlines() if (match := _ROW.match(line))]
    return {row["label"]: (row["before"], row["after"]) for row in rows if row["label"] != "Parameter"}
