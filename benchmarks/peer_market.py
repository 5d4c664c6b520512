"""The market that the peers of `benchmarks/cascade.py` share: one collateral, one debt, in plain Python and NumPy.

The arms run in interpreters of their own (`--mesa`, `--cadcad`), which know nothing of Breakwater; this is what the
engine does in this case, so that all arms must come to the same numbers.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from math import exp, log, sqrt
from typing import Any

import numpy as np

ROUNDS = 8


class Market:
    """One path's depth, impact and sums. ``rules`` has threshold, bonus, close, full, cost, depth, permanent, decay."""

    def __init__(self, rules: dict[str, float]) -> None:
        self.rules = rules
        self.lasting = self.fading = self.sold = 0.0
        self.price = 1.0
        self.liquidated = 0.0
        self.events = 0

    def begin(self, bare: float) -> None:
        """Begin a step at the path's price ``bare``."""
        self.fading *= self.rules["decay"]
        self.price = bare * exp(-(self.lasting + self.fading))
        self.sold = 0.0

    def end(self) -> None:
        """Let what was sold move the price."""
        if self.sold:
            move = 2 * log((self.rules["depth"] + self.sold) / self.rules["depth"])
            self.lasting += self.rules["permanent"] * move
            self.fading += (1 - self.rules["permanent"]) * move

    def ask(self, held: float, owed: float) -> float:
        """Return what may be seized, USD."""
        weighted = held * self.price * self.rules["threshold"]
        close = 1.0 if weighted < self.rules["full"] * owed else self.rules["close"]
        return min(close * owed * (1 + self.rules["bonus"]), held * self.price)

    def gain(self, held: float, owed: float) -> float:
        """Return what an account pays before slippage."""
        return self.ask(held, owed) * (1 - 1 / (1 + self.rules["bonus"])) - self.rules["cost"]

    def settle(self, held: float, owed: float) -> tuple[float, float]:
        """Liquidate one account while it pays; return what it is left with."""
        depth, ratio = self.rules["depth"], 1 + self.rules["bonus"]
        for _ in range(ROUNDS):
            if held * self.price * self.rules["threshold"] >= owed:
                break
            seize = min(self.ask(held, owed), depth * (sqrt(ratio) - 1) - self.sold)
            proceeds = depth * depth * seize / ((depth + self.sold) * (depth + self.sold + seize))
            if seize <= 0 or proceeds - seize / ratio < self.rules["cost"]:
                break
            held, owed = max(held - seize / self.price, 0.0), max(owed - seize / ratio, 0.0)
            self.sold += seize
            self.liquidated += seize / ratio
            self.events += 1
        return held, owed


def main(run: Callable[[Any, Any, Any, dict[str, float]], tuple[float, list[float], list[float]]]) -> None:
    """Read the work, run it, and print seconds and what came out.

    ``run`` takes collateral and debt (A,), paths (P, T) and rules; returns seconds, liquidated and bad debt by path.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("work", help="an .npz with collateral, debt, paths and rules")
    work = np.load(parser.parse_args().work)
    rules = json.loads(str(work["rules"]))
    seconds, liquidated, bad = run(work["collateral"], work["debt"], work["paths"], rules)
    print(json.dumps({"seconds": seconds, "liquidated": liquidated, "bad_debt": bad}))


clock = time.process_time
