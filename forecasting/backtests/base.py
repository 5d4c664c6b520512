"""What a kind of backtest is: it reads a request, cuts the work into units, computes each, and tells the result.

`forecasting.backtests.running` does the rest: rows, workers, checkpoints, cancellation and limits.
"""

from __future__ import annotations

import importlib
import pkgutil
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any, Protocol

from numpy.typing import NDArray

from forecasting import backtests, simulations
from forecasting.models import Dataset
from governance.errors import InputError

type Tick = Callable[[], None]
type Arrays = Mapping[str, NDArray[Any]]
type Done = Mapping[str, Arrays]
type Request = dict[str, Any]
type Result = dict[str, Any]


class Inputs(Protocol):
    """What a kind reads before it computes anything; beside ``dataset``, whatever the kind likes."""

    @property
    def dataset(self) -> Dataset:
        """The exact rows that were read, by content hash."""


class Kind[I: Inputs](Protocol):
    """One kind of backtest: a module of this package names an instance as ``KIND``.

    Attributes
    ----------
    slug : str
        What it is called after ``manage.py backtest``.
    help : str
        One sentence for people.

    Notes
    -----
    All that is stored follows from (request, rows of the dataset, code): the same for any number of threads and
    workers, and after any number of crashes. Instances hold no state, for several threads use the same one; ``compute``
    and ``report`` touch no database.
    """

    slug: str
    help: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options of the command; each with a help."""

    def request(self, options: Mapping[str, Any]) -> Request:
        """Return what was asked for as JSON-ready data, complete: defaults filled in, dataset versions pinned.

        Parameters
        ----------
        options : mapping
            The parsed options by name; those that were not given hold their parser's default.

        Raises
        ------
        InputError
            For what cannot be used; names field and value, and what would be right.
        """

    def inputs(self, request: Request) -> I:
        """Read what ``request`` is about; the same rows whenever it is called.

        Raises
        ------
        InputError, DataError
            When the data does not carry the request.
        """

    def units(self, request: Request, inputs: I) -> Mapping[str, tuple[str, ...]]:
        """Return the units of work by name, each with the names of those that it needs, which come before it.

        A unit is what is lost at most when a worker is killed, and what two workers share the work by: aim at a few
        seconds to half a minute. Names have at most 64 letters.
        """

    def compute(self, unit: str, *, request: Request, inputs: I, done: Done, tick: Tick) -> Arrays:
        """Return the arrays of ``unit``, by name; empty when there is nothing to keep.

        Parameters
        ----------
        unit : str
        request : dict
        inputs : Inputs
        done : mapping of str to mapping of str to array
            What the units that it needs have returned; of no other unit.
        tick : callable
            To be called at least every second or so; it raises when the work must end, and must be let through.

        Returns
        -------
        mapping of str to array
            Booleans, integers or floats of fixed width, NaN allowed. Floats should be rounded where linear algebra
            made them (`forecasting.core.volatility.base.rounded`).
        """

    def report(self, request: Request, inputs: I, done: Done) -> Result:
        """Return the result as JSON-ready data without NaN (None: no value), from the arrays of all units."""

    def text(self, result: Result) -> str:
        """Return the result as tables for people."""


@cache
def kinds() -> dict[str, Kind[Any]]:
    """Return every kind of backtest by slug: the modules of this package that name a ``KIND``."""
    return _discovered(backtests)


@cache
def _others() -> dict[str, Kind[Any]]:
    """Return the kinds of runs that judge nothing, and have commands of their own."""
    return _discovered(simulations)


def kind(slug: str) -> Kind[Any]:
    """Return the kind of run ``slug``: of a backtest, or of a simulation.

    Raises
    ------
    InputError
        When there is none.
    """
    found = kinds().get(slug) or _others().get(slug)
    if found is None:
        message = f"There is no backtest {slug!r}; there are: {', '.join(kinds())}."
        raise InputError(message, field="kind", value=slug)
    return found


def _discovered(package: ModuleType) -> dict[str, Kind[Any]]:
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
    modules = (importlib.import_module(f"{package.__name__}.{name}") for name in names)
    return {module.KIND.slug: module.KIND for module in modules if hasattr(getattr(module, "KIND", None), "slug")}
