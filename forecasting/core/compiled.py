"""The one way in which numeric kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from numba import njit


def compiled[F: Callable[..., object]](function: F) -> F:
    """Compile ``function`` to machine code that runs without the interpreter lock and is cached on disk.

    Floating-point arithmetic stays strict (no reassociation), so that results do not depend on the machine's vector
    width.
    """
    return cast("F", njit(cache=True, nogil=True)(function))
