"""The exhibits of who bears a simulated loss: parties, accounts, assets, and protocols that share a market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from governance.exhibits import Chart, Column, Getter, Rule, Series, Table
from governance.formatting import usd

type Said = Mapping[str, Any]

MUTUAL = "Because of each other"
PARTIES: Mapping[str, tuple[str, str]] = {
    "borrowers": ("Borrowers", "Collateral taken less debt repaid"),
    "liquidators": ("Liquidators", "A gain is below zero"),
    "costs": ("Costs of transactions", "What liquidators paid to get their transactions in"),
    "traders": ("Liquidity providers, at once", "What each trade moved the price by"),
    "providers": ("Liquidity providers, by the end", "What all trades lost them at the last prices"),
    "lenders": ("Lenders", "Bad debt"),
}


def parties(result: Said) -> Chart:
    """Return who bears the mean loss, each with its interval."""
    found = result.get("parties") or {}
    rows = [(*PARTIES.get(name, (name, "")), found[name]) for name in PARTIES if found.get(name)]
    return Chart(
        title="Who pays",
        summary="Mean loss of each party at market prices; below zero is a gain. What one loses, others gain.",
        table=Table(
            slug="parties",
            caption="Mean loss by party",
            columns=(
                Column(label="Party", value=_at(0)),
                Column(label="Loss", value=lambda row: row[2]["value"], kind="usd"),
                Column(label="From", value=lambda row: row[2]["low"], kind="usd"),
                Column(label="To", value=lambda row: row[2]["high"], kind="usd"),
                Column(label="What it is", value=_at(1)),
            ),
            rows=rows,
            empty="The parties were not told apart.",
        ),
        x=("Mean loss, USD", "usd"),
        y=("", "category"),
        series=(
            Series(
                name="Mean loss",
                mark="interval",
                data=[[row[2]["low"], row[2]["value"], row[2]["high"], row[0]] for row in rows],
            ),
        ),
        rules=(Rule(axis="x", at=0, label="", tone="muted"),) if rows else (),
    )


def carriers(found: Said) -> Table:
    """Return the accounts that carry the tail of the bad debt, the largest first."""
    total = found.get("total") or 0.0
    named = [(row["account"], row.get("protocol", ""), row["usd"]) for row in found.get("accounts", [])]
    rest = float(found.get("others") or 0.0)
    return Table(
        slug="carriers",
        caption="Accounts that carry the worst 1 % of bad debt",
        columns=(
            Column(label="Account", value=_at(0), kind="address"),
            Column(label="Protocol", value=_at(1)),
            Column(label="Bad debt", value=_at(2), kind="usd"),
            Column(label="Share", value=lambda row: row[2] / total if total else None, kind="percent"),
        ),
        rows=named,
        shown=10,
        empty="No path ends with bad debt, so nobody carries any.",
        unit_note=f"All others together: {usd(rest)}." if rest > 1 else "",
    )


def by_asset(found: Said, *, symbols: Sequence[str]) -> Chart:
    """Return the tail of the bad debt by what was owed, and by what had backed it."""
    debts, backing = found.get("debts", {}), found.get("collaterals", {})
    rows = [(name, backing.get(name, 0.0), debts.get(name, 0.0)) for name in symbols]
    rows = [row for row in rows if row[1] or row[2]]
    return Chart(
        title="Which assets carry it",
        summary="The mean bad debt of the worst 1 %, once by the collateral that had backed the accounts and once by "
        "what they owe; both sum to the same.",
        table=Table(
            slug="contributions",
            caption="Bad debt of the worst 1 %, by asset",
            columns=(
                Column(label="Asset", value=_at(0)),
                Column(label="As collateral", value=_at(1), kind="usd"),
                Column(label="As debt", value=_at(2), kind="usd"),
            ),
            rows=rows,
            empty="No path ends with bad debt, so no asset carries any.",
        ),
        x=("Asset", "category"),
        y=("USD", "usd"),
        series=(
            Series(name="As collateral", mark="bar", data=[[name, value] for name, value, _ in rows]),
            Series(name="As debt", mark="bar", tone="second", data=[[name, value] for name, _, value in rows]),
        ),
    )


def protocols(result: Said) -> Table:
    """Return each protocol's bad debt."""
    return Table(
        slug="protocols",
        caption="Bad debt by protocol",
        columns=(
            Column(label="Protocol", value=_of("name")),
            Column(label="Mean", value=_deep("mean", "value"), kind="usd"),
            Column(label="VaR 95 %", value=_deep("var95", "value"), kind="usd"),
            Column(label="ES 99 %", value=_deep("es99", "value"), kind="usd"),
            Column(label="From", value=_deep("es99", "low"), kind="usd"),
            Column(label="To", value=_deep("es99", "high"), kind="usd", help="Interval of the ES"),
        ),
        rows=result.get("protocols", []),
    )


def contagion(found: Said) -> Table:
    """Return what protocols lose because they share a market: each alone and beside the others, and the difference."""
    linked, ranks = found.get("linked") or {}, found.get("debt_rank") or {}
    rows = [
        (name, estimate, linked.get(name), ranks.get(name)) for name, estimate in (found.get("alone") or {}).items()
    ]
    if found:
        rows += [("All of them", None, found["together"], None), (MUTUAL, None, found["marginal"], None)]
    if found.get("receipts"):
        rows.append(("Passed on by receipt tokens", None, found["receipts"]["passed_on"], None))
    return Table(
        slug="contagion",
        caption="Mean bad debt of protocols, alone and beside each other",
        columns=(
            Column(label="Who", value=_at(0)),
            Column(label="Alone", value=_estimate(1, "value"), kind="usd"),
            Column(label="From", value=_estimate(1, "low"), kind="usd"),
            Column(label="To", value=_estimate(1, "high"), kind="usd"),
            Column(label="Together", value=_estimate(2, "value"), kind="usd", help="Mean bad debt on a shared market"),
            Column(label="From", value=_estimate(2, "low"), kind="usd"),
            Column(label="To", value=_estimate(2, "high"), kind="usd"),
            *(
                (Column(label="DebtRank", value=_at(3), kind="percent", help="Value that its distress reaches"),)
                if ranks
                else ()
            ),
        ),
        rows=rows,
        empty="One protocol was simulated alone; name others with --beside.",
        marked=lambda row: "chosen" if row[0] == MUTUAL else "",
    )


def _at(index: int) -> Getter:
    return lambda row: row[index]


def _of(name: str) -> Getter:
    return lambda row: row.get(name)


def _deep(part: str, name: str) -> Getter:
    return lambda row: row["bad_debt"][part][name]


def _estimate(at: int, name: str) -> Getter:
    return lambda row: None if row[at] is None else row[at][name]
