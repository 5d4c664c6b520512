"""The cascade in cadCAD, with NumPy arrays as its state; run by an interpreter that has cadCAD (`--cadcad`).

One run of cadCAD is one path, one timestep one step. Health factors are vectorised over the accounts; only those that
can be liquidated are looked at one by one.
"""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
from cadCAD.configuration import Experiment  # type: ignore[import-not-found]  # only in an interpreter of its own
from cadCAD.configuration.utils import config_sim  # type: ignore[import-not-found]
from cadCAD.engine import ExecutionContext, ExecutionMode, Executor  # type: ignore[import-not-found]

from benchmarks.peer_market import Market, clock, main


def run(collateral: Any, debt: Any, paths: Any, rules: dict[str, float]) -> tuple[float, list[float], list[float]]:  # noqa: ANN401
    """Run all paths."""

    def liquidate(_params: Any, _substep: int, _history: Any, state: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
        market, held, owed = state["market"], state["held"].copy(), state["owed"].copy()
        market.begin(float(paths[state["run"] - 1, state["timestep"]]))
        below = np.flatnonzero(held * market.price * rules["threshold"] < owed)
        queue = sorted((-market.gain(held[k], owed[k]), k) for k in below.tolist())
        for gain, k in queue:
            if gain <= 0:
                held[k], owed[k] = market.settle(held[k], owed[k])
        market.end()
        return {"held": held, "owed": owed, "market": market}

    def keep(name: str) -> Any:  # noqa: ANN401
        return lambda _params, _substep, _history, _state, found: (name, found[name])

    names = ("held", "owed", "market")
    experiment = Experiment()
    experiment.append_configs(
        initial_state={"held": collateral, "owed": debt, "market": Market(rules)},
        partial_state_update_blocks=[
            {"policies": {"it": liquidate}, "variables": {name: keep(name) for name in names}}
        ],
        sim_configs=config_sim({"N": paths.shape[0], "T": range(paths.shape[1])}),
    )
    context = ExecutionContext(ExecutionMode().single_mode)
    began = clock()
    with contextlib.redirect_stdout(io.StringIO()):
        rows, _, _ = Executor(context, experiment.configs).execute()
    seconds = clock() - began
    last = [row for row in rows if row["timestep"] == paths.shape[1]]
    bad = [float(np.maximum(row["owed"] - row["held"] * row["market"].price, 0).sum()) for row in last]
    return seconds, [row["market"].liquidated for row in last], bad


if __name__ == "__main__":
    main(run)
