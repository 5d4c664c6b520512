"""How a recommendation is made, in words: part of every evidence report."""

from __future__ import annotations

from typing import Final


def paragraphs(text: str) -> tuple[str, ...]:
    """Return the paragraphs of ``text``, each on one line."""
    return tuple(" ".join(part.split()) for part in text.strip().split("\n\n"))


METHOD: Final = paragraphs(
    """
    The book was rebuilt from the chain's logs up to the block named in the inputs.

    Futures are joint price paths of all assets by filtered historical simulation, from a counter-based random number
    generator, so that path p is the same future for every setting (common random numbers).

    Along each path, accounts below health factor 1 are liquidated when that pays, the sales move prices on a depth
    that all accounts share, and what is owed beyond collateral at the horizon is bad debt.

    Each setting is judged by the borrowers' response that hurts: nobody repays when the threshold falls, everybody
    uses all the new room when it rises. Both responses of the chosen setting are given as bounds.

    Each setting also runs through the same futures with every price move multiplied by the policy's stress, because
    plain futures from a quiet time may hold no loss at all.

    The objective is borrowing power minus the policy's weights times ES99 of bad debt under stress (mean of the worst
    1 % of stressed futures) and the expected loss of liquidated borrowers, in USD.

    VaR95 is the 95th percentile of bad debt, LaR95 that of liquidated debt, over the simulated futures.

    The setting was chosen on one set of futures and confirmed on another. The numbers of the candidates are of the
    first set, on which the winner was picked and which therefore flatter it; they rank and screen. Those of the
    baseline and the chosen setting are of the second, fresh set, which the inputs name as confirmation.

    Intervals come from resampling the paths, paired with the baseline: the half-width is the bootstrap standard error
    times the confidence quantile of the largest studentised deviation (max-t). In the confirmation there is only one
    setting to compare.

    A change is recommended only when the lower bound of its gain over changing nothing is above zero among the
    candidates and again in the confirmation.
    """
)

LIMITS: Final = paragraphs(
    """
    Futures resemble the collected history; what never happened in it is not among them.

    The interval of the gain covers the noise of the simulation only, not errors of the model: of its prices, its depth
    or its borrowers.

    Market depth is an assumption of the cascade model, not a measurement of venues.

    Oracles publish without delay in the simulation.

    The time that a vote takes is not simulated: the new setting is assumed to hold from the start.
    """
)
