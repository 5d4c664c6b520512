"""What all tests share: a data folder of their own, and real services in it.

The folder is `.breakwater/test`, or `test` below ``BREAKWATER_DATA``, so that two people on one machine keep apart. The
environment's servers and keys are never used: a test must not write to somebody's database or chain.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings

from governance.env import Env, env
from governance.services.postgres import Database
from governance.services.process import Detached

ROOT = Path(__file__).resolve().parent.parent
if "BREAKWATER_TESTING" not in os.environ:  # workers of xdist inherit what their parent has set
    os.environ["BREAKWATER_TESTING"] = "1"
    os.environ["BREAKWATER_DATA"] = str(
        Path(os.environ.get("BREAKWATER_DATA", ROOT / ".breakwater")).resolve() / "test"
    )
    for name in Env.model_fields:
        if name != "breakwater_data":
            os.environ.pop(name.upper(), None)
os.environ["DJANGO_SETTINGS_MODULE"] = "governance.settings"
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A loaded machine is slow now and then, which says nothing about the code under test.
hypothesis.settings.register_profile(
    "breakwater", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("breakwater")

pytest_plugins = [f"tests.fixtures.{name}" for name in ("database", "celery", "world", "dao", "sample")]


def is_controller(config: pytest.Config) -> bool:
    """Return whether this process is the one that the person started, not a worker of xdist."""
    return not hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    """Load the settings, and keep two sessions on the same data folder apart: they would drop each other's tables."""
    assert settings.DATABASES  # pytest-django sets Django up only once the settings have been read
    if not is_controller(config):
        return
    env().breakwater_data.mkdir(parents=True, exist_ok=True)
    lock = (env().breakwater_data / "session.lock").open("w", encoding="ascii")
    config.add_cleanup(lock.close)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pytest.exit(
            f"another test session uses {env().breakwater_data}; wait for it, or set BREAKWATER_DATA to another folder",
            returncode=3,
        )
    end_programs()
    config.add_cleanup(Database().stop)
    config.add_cleanup(end_programs)


def end_programs() -> None:
    """End what this session, or one that was killed, has started."""
    for record in (env().breakwater_data / "processes").glob("*.json"):
        Detached(name=record.stem).end(patience=5)
