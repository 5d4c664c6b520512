"""The one way in which numeric kernels are compiled."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, cast

from numba import njit


def compiled[F: Callable[..., object]](function: F) -> F:
    """Compile ``function`` to machine code that runs without the interpreter lock and is cached on disk.

    Floating-point arithmetic stays strict (no reassociation), so that results do not depend on the machine's vector
    width.

    numba looks for changes in the function's own file alone, and would go on running yesterday's code of what it calls
    in another. The stamp here covers both.
    """
    return _made(function, forceinline=False)


def inlined[F: Callable[..., object]](function: F) -> F:
    """Compile ``function`` as `compiled` does, into its callers, as handing over tuples of arrays has its cost.

    For the same reason it should have one `return`: with several, numba counts references to every array of its
    arguments, which takes longer than most kernels.
    """
    return _made(function, forceinline=True)


def _made[F: Callable[..., object]](function: F, *, forceinline: bool) -> F:
    made: Any = njit(cache=True, nogil=True, forceinline=forceinline)(function)
    made.stamp = _stamp(cast("FunctionType", function))
    made._cache._cache_file._source_stamp = made.stamp  # noqa: SLF001 - numba offers no door for it
    return cast("F", made)


def _stamp(function: FunctionType) -> str:
    """Return the hash of a function's file, of the numbers that it takes from others, and of what it calls there."""
    digest = hashlib.sha256(Path(function.__code__.co_filename).read_bytes())
    for name in sorted(set(function.__code__.co_names)):
        found = function.__globals__.get(name)
        if isinstance(found, int | float):
            digest.update(f"{name} {found!r}".encode())
        elif hasattr(found, "py_func"):
            digest.update(str(getattr(found, "stamp", "")).encode())
    return digest.hexdigest()
