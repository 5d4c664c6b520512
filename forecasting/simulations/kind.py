"""Simulations as jobs: a request, its units, and the result (`forecasting.backtests.base.Kind`)."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from forecasting.backtests.base import Arrays, Done, Request, Result, Tick
from forecasting.simulations import asking, cutting, options, posing, result, telling, text
from forecasting.simulations.posing import Posed


class Simulation:
    """Run a book through many futures, or through one of the past."""

    slug = result.NAME
    help = "Run a book through joint price paths with liquidations that move prices; tell what is lost, and why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what to simulate, on which paths, and what to tell."""
        options.add_arguments(parser)

    def request(self, options: Mapping[str, Any]) -> Request:
        """Return the request; see `forecasting.simulations.asking.request`."""
        return asking.request(options)

    def inputs(self, request: Request) -> Posed:
        """Read books, prices and depth; see `forecasting.simulations.posing.pose`."""
        return posing.pose(request)

    def units(self, request: Request, inputs: Posed) -> Mapping[str, tuple[str, ...]]:
        """Return a unit for each chunk of paths, and one for each thing that is told of them."""
        return cutting.units(request, inputs) | telling.units(request, inputs)

    def compute(self, unit: str, *, request: Request, inputs: Posed, done: Done, tick: Tick) -> Arrays:
        """Return what a chunk of paths came to, or what is told of all."""
        work = cutting.compute if unit.startswith(cutting.PREFIX) else telling.compute
        return work(unit, request=request, posed=inputs, done=done, tick=tick)

    def report(self, request: Request, inputs: Posed, done: Done) -> Result:
        """Return the result; see `forecasting.simulations.result.report`."""
        return result.report(request, inputs, done)

    def text(self, result: Result) -> str:
        """Return the verdict, the figures, and the rounds of the path that is told."""
        return text.text(result)


KIND = Simulation()
