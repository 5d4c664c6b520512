"""What is taken for granted of liquidations, oracles and liquidity, in sentences."""

from __future__ import annotations

from math import isinf

from forecasting.simulations.posing import Standing


def of(standing: Standing) -> list[str]:
    """Return the rules that a simulation goes by; every number can be set with an option of `manage.py simulate`."""
    rules, crew = standing.rules, standing.crew
    capital = "all the capital they need" if isinf(crew.capital) else f"{crew.capital:,.0f} USD a step"
    delay = f"act after {crew.delay_hours:g} hours" if crew.delay_hours else "act at once"
    return [
        (
            f"A liquidation repays up to {100 * rules.close_factor:g} % of a debt, all of it below a health factor of"
            f" {rules.full_close_below:g}, and costs {rules.fixed_cost:g} USD."
        ),
        f"Liquidators have {capital}, {delay}, and want a profit of {100 * crew.profit_floor:g} % of what they spend.",
        (
            f"Of what a sale does to a price, {100 * rules.permanent_share:g} % stays; the rest halves in"
            f" {rules.half_life_hours:g} hours."
        ),
        *(["Oracles report the market price of the same step."] if standing.oracle is None else []),
        *(["Liquidity does not withdraw when prices fall."] if standing.withdrawal is None else []),
    ]
