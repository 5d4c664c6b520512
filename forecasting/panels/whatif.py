"""The lab's what-if form: read what a visitor asks, and show the answer beside what is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np

from forecasting import selectors, trials
from forecasting.core import whatif
from forecasting.core.whatif import Answer, Case
from forecasting.models import BacktestRun, Snapshot
from forecasting.panels import waterfall
from forecasting.panels.asking import DROP, fields, read
from forecasting.panels.lab import title
from governance.errors import BreakwaterError, InputError
from governance.exhibits import Chart, Column, Getter, Kind, Rule, Series, Table

MARKET = "market"  # what the form calls the watched market's book
SHOWN = 20  # simulations to choose from


def overview(snapshot: Snapshot | None, asked: Mapping[str, str]) -> dict[str, object]:
    """Return the form's context; what cannot be asked is refused in words, and the form kept."""
    choices = books(snapshot)
    if not choices:
        return {"choices": []}
    context: dict[str, object] = {"choices": choices, "book": asked.get("book", "") or choices[0][0]}
    return context | _answered(str(context["book"]), snapshot, asked)


def books(snapshot: Snapshot | None) -> list[tuple[str, str]]:
    """Return whose books can be asked about, by what the form calls them."""
    found = [] if snapshot is None else [(MARKET, f"{snapshot.deployment.name}, block {snapshot.block_number:,}")]
    done = selectors.simulations().filter(status=BacktestRun.Status.DONE)[:SHOWN]
    return [*found, *((str(run.pk), f"Simulation {run.pk}: {title(run.request)}") for run in done)]


def _answered(book: str, snapshot: Snapshot | None, asked: Mapping[str, str]) -> dict[str, object]:
    try:
        source = trials.market(snapshot) if book == MARKET and snapshot else trials.simulated(book)
        bench = trials.bench(source)
        symbols = bench.problem.book.symbols
        symbol = asked.get("asset", "") or _largest(bench)
        if symbol not in symbols:
            raise InputError(f"There is no asset {symbol[:20]!r} in this book.", field="asset", value=symbol)
        base = whatif.current(bench.problem, symbols.index(symbol))
    except BreakwaterError as error:
        return {"refused": error.message}
    context: dict[str, object] = {
        "symbols": symbols,
        "asset": symbol,
        "depth_from": bench.depth_from,
        "book_block": bench.block,
        "book_time": bench.time,
        "fixed": int(np.isfinite(bench.problem.book.own_threshold).sum()),
        "fields": fields(base, replace(base, drop=DROP)),
    }
    try:
        question = read(asked, base=base)
        context |= {"question": question, "fields": fields(base, question)}
        answer = trials.ask(source, question)
    except BreakwaterError as error:
        return context | {"refused": error.message}
    told = waterfall.told(answer.story)
    return context | {
        "answer": answer,
        "changed": question != replace(base, drop=question.drop),
        "compared": compared(answer, asked=question != replace(base, drop=question.drop)),
        "drops": drops(answer, symbol=symbol, drop=question.drop),
        "told": answer.story.why,
        "rounds": waterfall.table(told),
        "story": waterfall.story(told),
        "waterfall": waterfall.waterfall(told),
    }


def compared(answer: Answer, *, asked: bool) -> Table:
    """Return what is, beside what would be."""
    rows: Sequence[tuple[str, Kind, Getter]] = (
        ("Accounts below 1 before the fall", "integer", lambda case: case.below),
        ("Accounts below 1 after the fall", "integer", lambda case: case.accounts),
        ("Can be liquidated at once", "usd", lambda case: case.at_drop.liquidatable),
        ("Liquidated", "usd", lambda case: case.at_drop.liquidated),
        ("Liquidated without price impact", "usd", lambda case: case.at_drop.without_impact),
        ("Amplification", "number", _amplification),
        ("Bad debt", "usd", lambda case: case.at_drop.bad_debt),
    )
    return Table(
        slug="whatif",
        caption="What is, and what would be",
        columns=(
            Column(label="After the fall", value=lambda row: row[0]),
            Column(label="As it is", value=lambda row: (row[1], row[2](answer.as_it_is)), kind="mixed"),
            *(
                (
                    Column(label="What if", value=lambda row: (row[1], row[2](answer.as_asked)), kind="mixed"),
                    Column(label="Difference", value=_difference(answer), kind="mixed"),
                )
                if asked
                else ()
            ),
        ),
        rows=rows,
        unit_note=f"Over {whatif.HOURS} hours at the fallen price.",
    )


def drops(answer: Answer, *, symbol: str, drop: float) -> Chart:
    """Return what is liquidated, and what bad debt is left, at every fall."""
    rows = list(zip(answer.as_it_is.curve, answer.as_asked.curve, strict=True))
    same = all(now == then for now, then in rows)
    lines: list[Series] = [
        Series(name="Liquidated", data=[[then.drop, then.liquidated] for _, then in rows]),
        Series(name="Bad debt", tone="bad", data=[[then.drop, then.bad_debt] for _, then in rows]),
    ]
    if not same:
        lines += [
            Series(
                name="Liquidated, as it is",
                tone="muted",
                dashed=True,
                data=[[now.drop, now.liquidated] for now, _ in rows],
            ),
            Series(
                name="Bad debt, as it is",
                tone="second",
                dashed=True,
                data=[[now.drop, now.bad_debt] for now, _ in rows],
            ),
        ]
    return Chart(
        title=f"If {symbol} fell",
        summary=f"Debt liquidated within {whatif.HOURS} hours, and bad debt left, by how far {symbol} falls at once. "
        "Broken lines are the parameters on chain.",
        table=Table(
            slug="drops",
            caption=f"Liquidated and bad debt by fall of {symbol}",
            columns=(
                Column(label="Fall", value=lambda row: row[0].drop, kind="percent"),
                Column(label="Liquidated", value=lambda row: row[1].liquidated, kind="usd"),
                Column(label="Bad debt", value=lambda row: row[1].bad_debt, kind="usd"),
                Column(label="Liquidated, as it is", value=lambda row: row[0].liquidated, kind="usd"),
                Column(label="Bad debt, as it is", value=lambda row: row[0].bad_debt, kind="usd"),
            ),
            rows=rows,
            shown=20,
        ),
        x=("Fall", "percent"),
        y=("USD", "usd"),
        series=tuple(lines),
        rules=(Rule(axis="x", at=drop, label="asked", tone="muted"),),
    )


def _amplification(case: Case) -> float | None:
    without = case.at_drop.without_impact
    return case.at_drop.liquidated / without if without else None


def _difference(answer: Answer) -> Getter:
    def read_row(row: Any) -> tuple[str, object] | None:  # noqa: ANN401 - a row of `compared`
        now, then = row[2](answer.as_it_is), row[2](answer.as_asked)
        return None if now is None or then is None else (row[1], then - now)

    return read_row


def _largest(bench: trials.Bench) -> str:
    book = bench.problem.book
    held = (book.collateral.sum(axis=0) * book.price).tolist()
    moved = [value if isfinite(depth) else 0.0 for value, depth in zip(held, bench.problem.depth.tolist(), strict=True)]
    return book.symbols[moved.index(max(moved))]
