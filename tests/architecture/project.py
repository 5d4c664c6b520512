"""What the project consists of, read from its folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from governance.env import ROOT

FLOORS = ("governance", "forecasting", "proposals")
MADE = {".git", ".venv", "node_modules", ".breakwater", "__pycache__", ".hypothesis", ".import_linter_cache"}


def files(folder: Path = ROOT) -> Iterator[Path]:
    """Yield every file that is, or would be, committed."""
    for path in sorted(folder.iterdir()):
        if path.name in MADE or path.name.endswith("_cache"):
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def modules(*folders: str, migrations: bool = False) -> list[Path]:
    """Return the Python files below ``folders``, empty ones left out."""
    found = (path for folder in folders for path in files(ROOT / folder) if path.suffix == ".py")
    return [path for path in found if path.stat().st_size and (migrations or "migrations" not in path.parts)]


def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name(path: Path) -> str:
    """Return a path as the reports show it."""
    return str(path.relative_to(ROOT))
