"""Plugins are found, not listed: one file, one class, and it is part of the product."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType


def discover[T](package: ModuleType, base: type[T]) -> tuple[T, ...]:
    """Return one instance of each concrete subclass of ``base`` defined in a module of ``package``, by module name."""
    found = []
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        found += [
            kind()
            for _, kind in inspect.getmembers(module, inspect.isclass)
            if issubclass(kind, base) and not inspect.isabstract(kind) and kind.__module__ == module.__name__
        ]
    return tuple(found)
