"""Nothing may be undocumented: settings, commands, errors, and fields that may be empty."""

from __future__ import annotations

import inspect

import pytest
from django.apps import apps
from django.core.management import get_commands, load_command_class

from governance import errors
from governance.env import ROOT, Env
from tests.architecture.project import FLOORS

COMMANDS = sorted(command for command, app in get_commands().items() if str(app) in FLOORS)


def reference() -> str:
    """Return all reference pages in one."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md")))


@pytest.mark.parametrize("field", Env.model_fields)
def test_every_setting_is_described_and_documented(field):
    assert len(Env.model_fields[field].description or "") > 20
    assert field.upper() in reference()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_is_documented(command):
    found = load_command_class(str(get_commands()[command]), command)
    assert len(found.help) > 20
    parser = found.create_parser("manage.py", command)
    own = [action for action in parser._actions if action.container.title != "options" or action.dest not in DJANGO]
    assert [action.dest for action in own if not action.help] == []
    assert f"`{command}`" in reference()


DJANGO = {
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


@pytest.mark.parametrize(
    "error",
    [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.BreakwaterError)],
)
def test_every_error_stands_in_the_tree_with_a_code_of_its_own(error):
    assert error.__name__ in (errors.__doc__ or "")
    kinds = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.BreakwaterError)
    ]
    assert [kind for kind in kinds if kind.code == error.code] == [error]


@pytest.mark.parametrize("model", [m for floor in FLOORS for m in apps.get_app_config(floor).get_models()])
def test_a_field_that_may_be_empty_says_what_that_means(model):
    silent = [f.name for f in model._meta.get_fields() if getattr(f, "null", False) and f.concrete and not f.help_text]
    assert silent == []


def test_every_model_says_what_a_row_is():
    rows = [
        m
        for floor in FLOORS
        for m in apps.get_app_config(floor).get_models()
        if not m.__module__.startswith("pgtrigger")
    ]
    assert [
        m.__name__ for m in rows if not (m.__doc__ or "").strip() or (m.__doc__ or "").startswith(f"{m.__name__}(")
    ] == []
