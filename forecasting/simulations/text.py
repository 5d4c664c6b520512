"""The result of a simulation for people: the verdict, the figures, and one path round by round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from governance.formatting import percent, price, short, usd

MOST_ROUNDS = 40
MOST_ACCOUNTS = 8
SEEN = 0.001  # of a price: a deviation from a peg that is worth a line
CAUSES = {"price": "price", "sales": "sales", "lag": "oracle"}

type Said = Mapping[str, Any]


def text(result: Said) -> str:
    """Return the verdict, the figures, and the rounds of the path that is told."""
    parts = [_head(result), *_figures(result), "", *rounds(result), "", *_carriers(result), *_contagion(result)]
    parts += ["", "Taken for granted:", *(f"  - {note}" for note in result["assumptions"])]
    return "\n".join([*parts, f"Result {result['result_hash']}"])


def explained(result: Said) -> str:
    """Return the liquidations of the path that is told one by one, or what happened to the account that was named."""
    told = result["narrative"]
    mine = told.get("explained")
    events = told["events"] if mine is None else mine["events"]
    lines = [_who(mine)] if mine else [f"{told['events_total']:,} liquidations, of which {len(events):,} are shown:"]
    return "\n".join([*lines, *map(_event, events)])


def rounds(result: Said) -> Iterator[str]:
    """Yield the path that is told, round by round."""
    told = result["narrative"]
    yield told["why"]
    if not told["rounds"]:
        return
    for one in told.get("pegs", ()):
        if abs(one["deviation"]) >= SEEN:
            side = "below" if one["deviation"] < 0 else "above"
            away = percent(abs(one["deviation"]))
            yield f"Sales and prices took {one['asset']} up to {away} {side} {one['base']} (hour {one['hour']:g})."
    yield (
        f"  {'hour':>6} {'round':>5} {'count':>6} {'repaid':>9} {'seized':>9} {'bad debt':>9}"
        f"  {'because of':18} market price of what was sold"
    )
    for one in told["rounds"][:MOST_ROUNDS]:
        moved = ", ".join(f"{name} {price(a)} to {price(b)}" for name, (a, b) in one["prices"].items())
        yield (
            f"  {one['hour']:>6g} {one['round']:>5} {one['liquidations']:>6,} {usd(one['repaid']):>9}"
            f" {usd(one['seized']):>9} {usd(one['bad_debt']):>9}  {_causes(one['causes']):18} {moved}"
        )
        yield f"         {one['why']}"
    if len(told["rounds"]) > MOST_ROUNDS:
        yield f"  ... and {len(told['rounds']) - MOST_ROUNDS:,} rounds more (--json has all)."


def _head(result: Said) -> str:
    scenario, book = result["scenario"], result["book"]
    return (
        f"{scenario['title']}: {scenario['what']}\n"
        f"{', '.join(book['protocols'])}: {book['accounts']:,} accounts, {usd(book['collateral_usd'])} of collateral,"
        f" {usd(book['debt_usd'])} of debt; {_paths(result)}.\n"
        f"{_verdict(result)}"
    )


def _paths(result: Said) -> str:
    hours = f"of {result['hours']:g} hours"
    if result["scenario"]["deterministic"]:
        return f"one path {hours}"
    precision = {None: "", True: ", as precise as wanted", False: ", not as precise as wanted"}[result["precise"]]
    if result["precise"] is False and result["error"] is None:
        precision = "; no loss was seen, so nothing tells how precise they are"
    return f"{result['paths']:,} paths {hours}{precision}"


def _verdict(result: Said) -> str:
    lost, liquidated = result["bad_debt"], result["liquidated"]
    amplified = f"sales make it {result['amplification']:.2f} times what prices alone would"
    if result["scenario"]["deterministic"]:
        said = f"{usd(liquidated['mean']['value'])} is liquidated ({amplified}); bad debt {usd(lost['mean']['value'])}."
    else:
        said = (
            f"Some bad debt in {percent(lost['positive']['value'])} of futures, a cascade in"
            f" {percent(result['cascade']['value'])}; {amplified}."
        )
    return said + _ruin(result)


def _ruin(result: Said) -> str:
    found = result["ruin"]
    if found is None:
        return ""
    reserve = usd(result["reserve_usd"])
    if result["scenario"]["deterministic"]:
        return f" The reserve of {reserve} is {'not ' if found['value'] else ''}enough."
    return (
        f" The reserve of {reserve} is not enough with probability {percent(found['value'])}"
        f" ({percent(found['low'])} to {percent(found['high'])})."
    )


def _figures(result: Said) -> Iterator[str]:
    if result["scenario"]["deterministic"]:
        return
    yield f"  {'':22} {'mean':>10} {'95 % of futures':>16} {'worst 1 %':>10}   {'interval of it':22} {'worst':>10}"
    without = result["without_impact"]
    rows: Sequence[tuple[str, Said]] = (
        ("bad debt", result["bad_debt"]),
        ("liquidated", result["liquidated"]),
        ("  without impact", without["liquidated"]),
    )
    for name, row in rows:
        es99 = row["es99"]
        yield (
            f"  {name:22} {usd(row['mean']['value']):>10} {usd(row['var95']['value']):>16} {usd(es99['value']):>10}"
            f"   {usd(es99['low']) + ' to ' + usd(es99['high']):22} {usd(row['maximum']):>10}"
        )
    clear = result["clearing_hours"]
    yield (
        f"  hours to clear: {clear['mean']['value']:.1f} on average, {clear['var95']['value']:g} in 95 % of futures;"
        f" left at the end: {usd(result['backlog']['value'])} below 1, {usd(result['toxic']['value'])} toxic."
    )


def _carriers(result: Said) -> Iterator[str]:
    told = result["contributions"]
    if not told["total"]:
        yield "No bad debt in the worst 1 % of futures, so nobody carries any."
        return
    yield f"Who carries the worst 1 % ({usd(told['total'])}):"
    for row in told["accounts"][:MOST_ACCOUNTS]:
        yield f"  {row['account']} ({row['protocol']}): {usd(row['usd'])}"


def _contagion(result: Said) -> Iterator[str]:
    told = result["contagion"]
    if told is not None:
        alone = ", ".join(f"{name} {usd(row['value'])}" for name, row in told["alone"].items())
        yield (
            f"Bad debt on average: together {usd(told['together']['value'])}, alone {alone}; contagion"
            f" {usd(told['marginal']['value'])}."
        )


def _causes(causes: Said) -> str:
    return ", ".join(f"{CAUSES[name]} {share:.0%}" for name, share in causes.items() if share >= 0.005)


def _who(mine: Said) -> str:
    health = "no debt" if mine["health"] is None else f"a health factor of {mine['health']:.4f}"
    return (
        f"{mine['account']} ({mine['protocol']}) begins with {usd(mine['collateral_usd'])} of collateral,"
        f" {usd(mine['debt_usd'])} of debt and {health}; it is liquidated {mine['liquidations']:,} times."
    )


def _event(event: Said) -> str:
    after = "no debt" if event["health_after"] is None else f"{event['health_after']:.3f}"
    return (
        f"  hour {event['hour']:g}, round {event['round']}: {short(event['account'])} repays {usd(event['repaid'])}"
        f" {event['debt']} for {usd(event['seized'])} {event['collateral']} ({price(event['price_before'])} to"
        f" {price(event['price_after'])}), health {event['health_before']:.3f} to {after}, because of"
        f" {CAUSES[event['cause']]}"
    )
