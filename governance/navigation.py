"""Where one can go, grouped as the work is: the market, its risk, the decisions, the machine."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

type Entries = tuple[tuple[str, str, frozenset[str]], ...]

GROUPS: tuple[tuple[str, Entries], ...] = (
    (
        "Market",
        (
            ("Overview", "home", frozenset({"home"})),
            ("Reserves", "market-list", frozenset({"market-list", "market"})),
            ("Accounts at risk", "accounts", frozenset({"accounts", "account"})),
            ("Liquidations", "liquidations", frozenset({"liquidations"})),
        ),
    ),
    (
        "Risk",
        (
            ("Forecasts", "forecasts", frozenset({"forecasts"})),
            ("Models", "models", frozenset({"models", "model"})),
            ("League", "league", frozenset({"league"})),
            ("Tail risk", "tails", frozenset({"tails"})),
            ("Cascade lab", "lab", frozenset({"lab", "simulation"})),
            ("Early warning", "warning", frozenset({"warning"})),
            ("Recommendations", "recommendation-list", frozenset({"recommendation-list", "recommendation"})),
        ),
    ),
    (
        "Governance",
        (
            ("Proposals", "proposal-list", frozenset({"proposal-list", "proposal", "draft", "evidence"})),
            ("Executor", "executor", frozenset({"executor"})),
            ("Outcomes", "outcome-list", frozenset({"outcome-list", "outcome"})),
            ("Policy", "policy", frozenset({"policy"})),
        ),
    ),
    (
        "System",
        (
            ("Datasets", "datasets", frozenset({"datasets", "dataset"})),
            ("Status", "status", frozenset({"status"})),
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One destination; ``current`` when the page belongs to it."""

    label: str
    href: str
    current: bool


def navigation(page_name: str) -> list[tuple[str, list[Entry]]]:
    """Return the groups of destinations as seen from the page called ``page_name``."""
    return [
        (group, [Entry(label=label, href=reverse(name), current=page_name in pages) for label, name, pages in entries])
        for group, entries in GROUPS
    ]
