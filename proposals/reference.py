"""The reference pages of `docs/reference`, generated from the code that they describe.

A page is a list of Markdown lines made by one function of `PAGES`. `manage.py docs` writes them and
`manage.py docs --check` fails when one of them is out of date, so nothing can be added without appearing here.
"""

from __future__ import annotations

import argparse
import inspect
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from django.core.management import get_commands, load_command_class
from django.urls import URLPattern, URLResolver, get_resolver

from governance import errors
from governance.env import ROOT, Env
from governance.protocols.base import flavours, plugin
from proposals.checks import all_checks
from proposals.core.policy import Models, Objective, Rule, Safety, Search
from proposals.guardrails import all_guardrails
from proposals.policy import DEFAULT

FOLDER = ROOT / "docs" / "reference"
FLOORS = ("governance", "forecasting", "proposals")


def first_line(thing: object) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return a Markdown table; bars in cells are escaped."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines.extend(f"| {' | '.join(cell.replace('|', '\\|').replace(chr(10), ' ') for cell in row)} |" for row in rows)
    return lines


def settings_page() -> list[str]:
    """Every environment variable."""

    def default(name: str) -> str:
        value = Env.model_fields[name].default
        if isinstance(value, Path):
            return f"`{value.relative_to(ROOT)}` in the project"
        if value is None or value == ():
            return "embedded or generated"
        return f"`{','.join(value) if isinstance(value, tuple) else value}`"

    rows = ((f"`{name.upper()}`", default(name), field.description or "") for name, field in Env.model_fields.items())
    return [
        "# Settings",
        "",
        "Environment variables, all of them optional.",
        "",
        *table(("variable", "default", "meaning"), rows),
    ]


def commands() -> Iterator[tuple[str, str]]:
    """Yield the name and the app of every command of ours."""
    yield from sorted((name, app) for name, app in get_commands().items() if app in FLOORS)


def commands_page() -> list[str]:
    """Every management command with its arguments."""
    lines = ["# Commands", "", "`manage.py NAME --help` says the same.", ""]
    for name, app in commands():
        command = load_command_class(app, name)
        parser = command.create_parser("manage.py", name)
        lines += [f"## `{name}`", "", str(command.help), ""]
        lines += [*table(("argument", "meaning"), argument_rows(parser)), ""]
    return lines[:-1]


DJANGO_FLAGS = {
    "help",
    "version",
    "verbosity",
    "settings",
    "pythonpath",
    "traceback",
    "no_color",
    "force_color",
    "skip_checks",
}


def argument_rows(parser: argparse.ArgumentParser, of: str = "") -> Iterator[tuple[str, str]]:
    """Yield the arguments of one parser that are ours; those of a subcommand, ``of``, stand behind it."""
    for action in parser._actions:  # noqa: SLF001  argparse offers no public way to list them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for choice in action._choices_actions:  # noqa: SLF001
                yield f"`{choice.dest}`", choice.help or ""
                yield from argument_rows(action.choices[choice.dest], f"`{choice.dest}` ")
        elif action.dest not in DJANGO_FLAGS:
            names = (
                ", ".join(f"`{flag}`" for flag in action.option_strings) or f"`{action.metavar or action.dest.upper()}`"
            )
            yield f"{of}{names}", (action.help or "") % {**vars(action), "prog": parser.prog}


def errors_page() -> list[str]:
    """Every error code."""
    kinds = sorted(
        (kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.BreakwaterError)),
        key=lambda kind: kind.code,
    )
    rows = ((f"`{kind.code}`", first_line(kind), "yes" if kind.retryable else "no") for kind in kinds)
    return ["# Errors", "", *table(("code", "meaning", "retried"), rows)]


def parameters_page() -> list[str]:
    """Every parameter of every protocol."""
    lines = ["# Parameters", ""]
    for protocol in map(plugin, flavours()):
        rows = (
            (f"`{spec.name}`", spec.unit, f"{spec.minimum:,}", f"{spec.maximum:,}", spec.help)
            for spec in protocol.parameters
        )
        lines += [f"## `{protocol.slug}`", "", *table(("parameter", "unit", "minimum", "maximum", "meaning"), rows), ""]
    return lines[:-1]


def rules_page() -> list[str]:
    """Every guardrail and every check."""
    lines = ["# Guardrails and checks", "", "Guardrails judge a recommendation; checks judge a draft.", ""]
    for title, rules in (("Guardrails", all_guardrails()), ("Checks", all_checks())):
        rows = ((f"`{rule.code}`", rule.summary) for rule in rules)
        lines += [f"## {title}", "", *table(("code", "what it looks at"), rows), ""]
    return lines[:-1]


def policy_page() -> list[str]:
    """Every field of a policy, and the policy that is active at first."""
    lines = ["# Policy", "", "A policy is one JSON document; `manage.py policy show` prints the active one.", ""]
    for title, kind in (
        ("parameters.NAME", Rule),
        ("safety", Safety),
        ("objective", Objective),
        ("search", Search),
        ("models", Models),
    ):
        lines += [f"## `{title}`", "", *table(("field", "meaning"), attributes(kind)), ""]
    return [*lines, "## The default", "", "```json", json.dumps(DEFAULT, indent=2), "```"]


def attributes(kind: type) -> Iterator[tuple[str, str]]:
    """Yield name and meaning of what a class's docstring lists under Attributes."""
    names, words = "", list[str]()
    for line in (inspect.getdoc(kind) or "").partition("----------\n")[2].splitlines():
        if line.startswith(" "):
            words.append(line.strip())
            continue
        if names:
            yield names, " ".join(words)
        names, words = ", ".join(f"`{name.strip()}`" for name in line.partition(" : ")[0].split(",")), []
    if names:
        yield names, " ".join(words)


def routes(resolver: URLResolver, prefix: str = "/") -> Iterator[tuple[str, str]]:
    """Yield path and meaning of every page."""
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        elif isinstance(entry, URLPattern):
            yield path, first_line(entry.callback)


def endpoints_page() -> list[str]:
    """Every page and file that the web interface serves."""
    rows = ((f"`{path}`", meaning) for path, meaning in sorted(routes(get_resolver())))
    return ["# Pages and files of the web interface", "", *table(("path", "what it shows"), rows)]


PAGES: dict[str, Callable[[], list[str]]] = {
    "settings": settings_page,
    "commands": commands_page,
    "errors": errors_page,
    "parameters": parameters_page,
    "rules": rules_page,
    "policy": policy_page,
    "endpoints": endpoints_page,
}


def render() -> dict[Path, str]:
    """Return the text of every reference page by its path."""
    note = "<!-- Generated by `manage.py docs`; edit the code that it describes. -->"
    return {FOLDER / f"{name}.md": "\n".join([note, "", *page(), ""]) for name, page in PAGES.items()}


def outdated() -> list[Path]:
    """Return the pages whose file differs from what the code says now."""
    return [path for path, text in render().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]


def write() -> list[Path]:
    """Write the pages that are out of date and return their paths."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    changed = outdated()
    pages = render()
    for path in changed:
        path.write_text(pages[path], encoding="utf-8")
    return changed
