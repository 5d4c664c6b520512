"""What models, horizons and tests are called on pages, and what they do, for readers who know none of them."""

from __future__ import annotations

from dataclasses import dataclass

CHAMPION = "champion"
FIELD = "garch_t"  # what the field uses, against which everything is measured
PLAIN = "log_har"  # what a champion that fails falls back to


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model in words: its name, and in a sentence or two what it does."""

    name: str
    says: str


MODELS: dict[str, Model] = {
    "ewma": Model(
        name="EWMA",
        says="An average of past squared returns in which each day counts a little less than the day after it.",
    ),
    "garch_t": Model(
        name="GARCH(1,1)-t",
        says="Turbulence follows turbulence and fades at a steady pace; days are allowed to be extreme. It sees one "
        "return a day and nothing of what happened within the day. Most of the field uses it.",
    ),
    "gjr_t": Model(name="GJR-GARCH-t", says="GARCH in which a falling price raises tomorrow's turbulence by more."),
    "har": Model(
        name="HAR",
        says="Weighs the turbulence of the last day, the last week and the last month, each measured from prices "
        "within the day.",
    ),
    "log_har": Model(
        name="log-HAR",
        says="HAR on the logarithm of turbulence, which keeps one wild day from ruling the weights. It is solved in "
        "one step and cannot fail to converge, so a champion that breaks its promises is replaced by it.",
    ),
    "log_har_x": Model(
        name="log-HAR, extended",
        says="log-HAR that also knows the weekday, whether prices fell, and how turbulent the last hours were. "
        "Weekends are far calmer than weekdays.",
    ),
    "gamma_glm": Model(
        name="Gamma regression",
        says="The same facts as the extended log-HAR, weighed so as to make the very loss small that models are judged "
        "by here.",
    ),
    "boosted": Model(
        name="Boosted trees",
        says="Many small decision trees, each correcting those before it, over the same facts and all assets.",
    ),
    "pooled": Model(
        name="Pooled regression",
        says="One set of weights for all assets, learnt from all together, with the market's common turbulence.",
    ),
    "pooled_gamma": Model(
        name="Pooled gamma regression",
        says="The gamma regression with one set of weights for all assets.",
    ),
    "hybrid": Model(
        name="Hybrid",
        says="The pooled regression, and a few small trees that correct what it gets wrong.",
    ),
    "champion": Model(
        name="Champion",
        says="An average of several of these models with weights fixed before any of the days that it is scored on. A "
        "share of GARCH keeps it from trusting a calm market too much.",
    ),
    "filtered-simulation": Model(
        name="Simulated futures",
        says="Joint futures of all prices: past surprises drawn in blocks, scaled by today's forecast of volatility, "
        "run through the book with the liquidations that they cause.",
    ),
    "joint": Model(name="Whole past days", says="Past days of all assets at once, each scaled by its own volatility."),
    "shrunk": Model(name="Shrunk correlation", says="One correlation of the assets, drawn towards their average."),
    "dcc": Model(name="Moving correlation", says="A correlation that follows how the assets moved together lately."),
    "hs_250": Model(name="Historical, 250 days", says="The quantile of the last 250 returns, whatever happened since."),
    "hs_500": Model(name="Historical, 500 days", says="The quantile of the last 500 returns."),
    "fhs": Model(
        name="Filtered historical",
        says="Past returns, each divided by the volatility expected of its day, times that of tomorrow.",
    ),
    "pot": Model(
        name="Peaks over threshold",
        says="The tail of the scaled returns, fitted by the distribution that extremes tend to.",
    ),
}

HORIZONS: dict[str, str] = {"1h": "1 hour", "1d": "1 day", "7d": "7 days", "30d": "30 days"}


def model(name: str) -> str:
    """Return what a model is called on pages."""
    return MODELS[name].name if name in MODELS else name.replace("_", " ")


def explained(name: str) -> str:
    """Return what a model does, in plain words; nothing where nothing was written of it."""
    return MODELS[name].says if name in MODELS else ""


def horizon(name: str) -> str:
    """Return a horizon in words."""
    return HORIZONS.get(name, name)
