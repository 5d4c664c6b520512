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
    in another. The stamp here covers both, and the options.
    """
    return _made(function, forceinline=False, counted=True)


def inlined[F: Callable[..., object]](function: F) -> F:
    """Compile ``function`` as `compiled` does, into its callers, as handing over tuples of arrays has its cost.

    It must not make arrays: numba's counting of references is off. It is atomic, so with it a kernel that gets tuples
    of arrays from function to function spends most of its time on counting, and threads wait for each other's counts.
    """
    return _made(function, forceinline=True, counted=False)


def _made[F: Callable[..., object]](function: F, *, forceinline: bool, counted: bool) -> F:
    options: dict[str, Any] = {"nogil": True, "forceinline": forceinline, "_nrt": counted}
    made: Any = njit(cache=True, **options)(function)
    made.stamp = _stamp(cast("FunctionType", function), options)
    made._cache._cache_file._source_stamp = made.stamp  # noqa: SLF001 - numba offers no door for it
    return cast("F", made)


def _stamp(function: FunctionType, options: dict[str, Any]) -> str:
    """Return the hash of the options, of a function's file, of numbers from others, and of what it calls there."""
    digest = hashlib.sha256(Path(function.__code__.co_filename).read_bytes())
    digest.update(repr(options).encode())
    for name in sorted(set(function.__code__.co_names)):
        found = function.__globals__.get(name)
        if isinstance(found, int | float):
            digest.update(f"{name} {found!r}".encode())
        elif hasattr(found, "py_func"):
            digest.update(str(getattr(found, "stamp", "")).encode())
    return digest.hexdigest()
