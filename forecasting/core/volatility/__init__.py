"""Models of daily variance: one file each, found by looking.

A file is a model when it has a ``MODEL`` that satisfies `forecasting.core.volatility.base.VolatilityModel`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forecasting.core.volatility.base import VolatilityModel


@cache
def models() -> dict[str, VolatilityModel]:
    """Return every volatility model by name."""
    found = (import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__))
    return {module.MODEL.name: module.MODEL for module in found if hasattr(module, "MODEL")}
