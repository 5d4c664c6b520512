"""Worlds from what is imported or collected: the catalogue, scenarios as pinned data, and the paths they describe."""

from forecasting.worlds.asking import scenario
from forecasting.worlds.listing import Entry, catalogue
from forecasting.worlds.opening import open_world

__all__ = ["Entry", "catalogue", "open_world", "scenario"]
