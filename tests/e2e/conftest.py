"""The sample for page tests, and the system's Chromium for those that need a browser."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.sample import Sample

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # the browser driver runs an event loop in the test's own thread

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    """Start Debian's Chromium; without one these tests fail rather than prove nothing."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("No Chromium is installed; run `apt-get install chromium` or `.ci/run`, which does it.")
    return {**browser_type_launch_args, "executable_path": program, "args": list(FLAGS)}


@pytest.fixture(scope="session")
def base_url() -> None:
    """Replace the browser plugin's own, whose form pytest is about to drop; our tests name whole addresses."""


@pytest.fixture
def site(transactional_db, live_server) -> tuple[str, Sample]:
    """Return the address of a running server, and the sample that it shows."""
    from tests.e2e.sample import fill  # noqa: PLC0415 - as above

    return live_server.url, fill()


def pages_of(sample: Sample) -> list[str]:
    """Return the address of every page that the sample has something for."""
    return [
        "/",
        "/?days=90",
        "/reserves/",
        f"/reserves/{sample.reserve.pk}/",
        "/accounts/",
        "/accounts/?below=1.02",
        f"/accounts/{sample.account}/",
        "/liquidations/",
        "/forecasts/",
        "/forecasts/?reserve=GOV",
        "/models/",
        f"/models/{sample.volatility.pk}/",
        f"/models/{sample.contender.pk}/",
        "/league/",
        "/league/?horizon=7d&asset=XRP",
        "/tails/",
        "/tails/?asset=XRP&span=all",
        "/lab/",
        "/lab/?asset=WBTC&drop=45&lt=80&scenario=march-2020",
        f"/lab/{sample.futures.pk}/",
        f"/lab/{sample.futures.pk}/?asset=TIDE&metric=capacity",
        f"/lab/{sample.replay.pk}/",
        "/warning/",
        "/warning/?target=24h_1m",
        "/datasets/",
        "/datasets/prices/binance/",
        "/recommendations/",
        f"/recommendations/{sample.recommendation.pk}/",
        "/proposals/",
        f"/proposals/{sample.executed.pk}/",
        f"/proposals/{sample.active.pk}/",
        f"/drafts/{sample.draft.pk}/",
        f"/evidence/{sample.recommendation.evidence.hash}/",
        "/outcomes/",
        f"/outcomes/{sample.outcome.pk}/",
        "/policy/",
        "/executor/",
        "/status/",
    ]
