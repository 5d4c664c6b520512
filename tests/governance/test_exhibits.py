"""Tables and charts: their CSV is exact, and hostile text stays text."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.exhibits import Badge, Chart, Column, Interval, Series, Table, Tokens, Value, exact, tables


def table(rows, *columns: Column) -> Table:
    return Table(slug="t", caption="T", columns=columns or (Column(label="A", value=lambda row: row),), rows=rows)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "yes"),
        (10**30, "1" + "0" * 30),
        (Decimal(10) ** 30, "1" + "0" * 30),
        (0.1, "0.1"),
        (Tokens(amount=1, decimals=18, symbol="X"), "0.000000000000000001"),
        (Value(word=10_500, unit="bonus_bps"), "5 %"),
        (Badge(text="Pass", tone="good"), "Pass"),
        (Interval(low=1, middle=2, high=3, happened=4), "outside"),
        (("usd", 1.5), "1.5"),
        ("-1+cmd", "'-1+cmd"),
        (" =cmd|1", "' =cmd|1"),
        ("\n=cmd|1", "'\n=cmd|1"),
        (Badge(text="@x"), "'@x"),
        (-1.5, "-1.5"),
    ],
)
def test_cells_are_exact(value, text):
    assert exact(value) == text


@given(st.lists(st.text(), min_size=1))
def test_any_text_survives_csv_and_is_never_a_formula(rows):
    read = list(csv.reader(io.StringIO(table(rows).as_csv(), newline="")))
    assert len(read) == len(rows) + 1
    for given_text, (found,) in zip(rows, read[1:], strict=True):
        assert found in {given_text, f"'{given_text}"} or not given_text
        assert not found.startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize("label", ["=cmd|1", "+1", "@x", "-1", "\tx"])
def test_no_label_of_a_column_is_a_formula(label):
    told = table([1], Column(label=label, value=lambda row: row)).as_csv()
    assert next(csv.reader(io.StringIO(told))) == [f"'{label}"]


def test_a_page_shows_the_first_rows_and_says_so():
    long = table(list(range(100)))
    assert list(long.visible) == list(range(25))
    assert long.cut
    assert not table([1]).cut


def test_numbers_are_known_as_such():
    assert Column(label="A", value=str, kind="usd8").numeric
    assert not Column(label="A", value=str).numeric


def test_tables_are_found_bare_in_charts_and_in_lists():
    chart = Chart(
        title="C", summary="S", table=table([1]), x=("x", "number"), y=("y", "usd"), series=(Series(name="s", data=[]),)
    )
    bare = table([2])
    assert list(tables([bare, "text", [chart, 3], None])) == [bare, chart.table]


def test_a_chart_tells_the_browser_what_to_draw():
    chart = Chart(
        title="C",
        summary="S",
        table=table([1]),
        x=("Day", "time"),
        y=("Debt", "usd"),
        series=(Series(name="s", data=[[1, 2]]),),
    )
    assert chart.as_dict()["x"] == {"label": "Day", "scale": "time", "log": False, "zoom": False}
    assert chart.as_dict()["series"] == [
        {"name": "s", "mark": "line", "tone": "accent", "dashed": False, "data": [[1, 2]]}
    ]
