"""Reading a page as a visitor does: its words, the rows behind a table's CSV, and a column of a table."""

from __future__ import annotations

import csv
import io


def words(client, path: str) -> str:
    """Return all of a page's words, with single spaces between them."""
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().replace("\N{NO-BREAK SPACE}", " ").replace("&nbsp;", " ").split())


def rows(client, path: str) -> list[dict[str, str]]:
    """Return the rows of a CSV."""
    answer = client.get(path)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def cells(table, label: str) -> list[object]:
    """Return the values of a table's column."""
    column = next(column for column in table.columns if column.label == label)
    return [column.value(row) for row in table.rows]
