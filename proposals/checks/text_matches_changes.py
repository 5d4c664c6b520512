"""What people read is what was meant."""

from __future__ import annotations

from collections.abc import Iterator

from proposals.checks.base import Check, DraftCase
from proposals.core.finding import Finding
from proposals.core.text import read_changes


class TextMatchesChanges(Check):
    """The table in the text, read back as text, names exactly the changes and their values."""

    code = "text-matches-changes"
    summary = "The table in the text, read back, names exactly the changes, with their values before and after."

    def examine(self, case: DraftCase) -> Iterator[Finding]:
        """Yield a block for each row that is missing, foreign or different."""
        told = read_changes(case.body)
        meant = {change.heading: (change.before_text, change.after_text) for change in case.changes}
        wrong = sorted(label for label in told.keys() | meant.keys() if told.get(label) != meant.get(label))
        for label in wrong:
            yield self.finding(
                "block",
                f"{label}: the text says {_words(told.get(label))}, the change is {_words(meant.get(label))}.",
                label=label,
            )
        if not wrong:
            yield self.finding(
                "pass", f"The text names all {len(meant)} changes with their values.", changes=len(meant)
            )


def _words(row: tuple[str, str] | None) -> str:
    return f"{row[0]} → {row[1]}" if row else "nothing"
