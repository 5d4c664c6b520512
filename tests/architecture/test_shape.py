"""The shape of the house: what lies where, how large it may be, and who may do what."""

from __future__ import annotations

import ast
import re
import statistics

from governance.env import ROOT
from tests.architecture.project import FLOORS, files, modules, name, tree

TOP = {
    *FLOORS,
    *("templates", "tests", "docs", "benchmarks", ".ci"),
    *("manage.py", "pyproject.toml", "README.md", "Makefile", "LICENSE", "CHANGELOG.md"),
    *("requirements.lock", "package.json", "package-lock.json", ".gitignore", ".python-version"),
}
DOORS = {"views", "tasks", "commands"}
LONGEST = 400
MEDIAN = 120

# Words, not addresses: the rule has to hold for this file too.
REGISTRIES = re.compile(
    r"https?://[^\s\"'<>]*(pypi|pythonhosted|npmjs|yarnpkg|debian\.org|ubuntu\.com|crates\.io|mirror)"
)
MACHINES = re.compile(r"(?<![\w.])/(work|opt/wheels|home/\w+|root)/\w")


def test_the_top_level_holds_what_the_plan_names():
    assert {path.relative_to(ROOT).parts[0] for path in files()} <= TOP


def test_modules_stay_small():
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules(*FLOORS)}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}
    assert statistics.median(lengths.values()) <= MEDIAN


def test_no_module_is_a_drawer_for_odds_and_ends():
    drawers = {"utils", "util", "helpers", "helper", "misc", "common"}
    assert [name(path) for path in modules(*FLOORS, "tests") if path.stem in drawers] == []


def test_no_registry_and_no_machine_is_named():
    found = {}
    for path in files():
        text = path.read_text(encoding="utf-8", errors="ignore")
        hits = [match.group() for rule in (REGISTRIES, MACHINES) for match in rule.finditer(text)]
        if hits:
            found[name(path)] = hits
    assert found == {}


def test_the_locks_hold_hashes_and_no_addresses():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = re.findall(r"(?m)^[\w.\-]+==[^\\\n]+ \\\n +--hash=", lock)
    assert len(pinned) == len(re.findall(r"(?m)^[\w]", lock))
    assert "://" not in lock
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text(encoding="utf-8")


def test_only_env_reads_the_environment():
    """The two entry points that name Django's settings module, and the role of a command, are the exceptions."""
    allowed = {"governance/env.py", "governance/celery.py", "governance/wsgi.py"}
    readers = {
        name(path)
        for path in modules(*FLOORS)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    assert readers <= allowed


def test_nothing_imports_views_tasks_or_commands():
    """They are doors; the addresses of the pages, and commands that extend a command, stand right behind them."""
    found = []
    for path in modules(*FLOORS):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in FLOORS:
                names = {*node.module.split("."), *(alias.name for alias in node.names)} & DOORS
                if names and path.stem not in {"urls", "routes", "views"} and "commands" not in path.parts:
                    found.append(f"{name(path)}:{node.lineno} {sorted(names)}")
    assert found == []


def test_there_are_no_signals():
    imports = {
        name(path)
        for path in modules(*FLOORS)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.module and "signals" in node.module.split(".")
    }
    assert imports == set()


def test_every_skipped_or_expected_failure_says_why():
    silent = []
    for path in modules("tests"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and _called(node) in {"skip", "skipif", "xfail", "importorskip"}:
                reasons = [word for word in node.keywords if word.arg == "reason"]
                if not reasons and not (_called(node) == "skip" and node.args):
                    silent.append(f"{name(path)}:{node.lineno}")
            if isinstance(node, ast.Attribute) and node.attr in {"skip", "xfail"} and _is_bare_mark(node, path):
                silent.append(f"{name(path)}:{node.lineno}")
    assert silent == []


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _is_bare_mark(node: ast.Attribute, path) -> bool:
    """Return whether a mark is used without a call, and so without a reason."""
    line = path.read_text(encoding="utf-8").splitlines()[node.lineno - 1]
    return f"mark.{node.attr}" in line and f"mark.{node.attr}(" not in line
