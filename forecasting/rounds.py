"""One round of collection over many deployments: what one of them meets does not stop the others."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from forecasting import collect as verbs
from governance import backlog
from governance.chain import coverage, finality, logs
from governance.errors import BreakwaterError, InputError
from governance.models import Deployment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from forecasting.collect import CollectReport
    from governance.chain.client import Client

    type Progress = Callable[[int, int, str], None]
    type Show = Callable[[Deployment, int], AbstractContextManager[Progress]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a round came to for one deployment.

    Attributes
    ----------
    deployment : Deployment
        Whose history it is.
    target : int
        Block up to which it was to be collected.
    report : CollectReport or None
        What was done; None when it failed.
    holes : tuple of (int, int)
        Blocks that are missing below the highest collected one, as first and last.
    snapshot : str
        Hash of the book that was frozen; empty for none.
    error : BreakwaterError or None
        Why it failed; what was collected before stays.
    """

    deployment: Deployment
    target: int
    report: CollectReport | None
    holes: tuple[tuple[int, int], ...]
    snapshot: str
    error: BreakwaterError | None

    @property
    def complete(self) -> bool:
        """Whether everything up to the target is collected."""
        return self.error is None and not self.holes

    @property
    def lag(self) -> int | None:
        """Blocks up to the target that are missing at the end; None when it failed."""
        return None if self.report is None else max(self.target - self.report.last, 0)

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON-ready data."""
        done = {} if self.report is None else asdict(self.report)
        return done | {
            "deployment": self.deployment.slug,
            "target": self.target,
            "lag": self.lag,
            "gaps": [list(hole) for hole in self.holes],
            "snapshot": self.snapshot,
            "error": None if self.error is None else self.error.as_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a round does.

    Attributes
    ----------
    to_block : int or None
        Stop there; None for the head that is followed.
    workers : int
        Celery tasks at once that a long backlog is first handed out to; 0 for none.
    snapshots : str
        Freeze each book: ``always``, when the last one is ``due`` to be followed, or ``never``.
    """

    to_block: int | None = None
    workers: int = 0
    snapshots: str = "always"


@contextmanager
def unseen(_deployment: Deployment, _target: int) -> Iterator[Progress]:
    """Show no progress."""
    yield logs.quiet


def run(selected: Sequence[Deployment], *, client: Client, plan: Plan, show: Show) -> Iterator[Outcome]:
    """Collect every deployment in turn and yield what it came to.

    Raises
    ------
    InputError
        When the block to stop at is not one that is followed.
    ChainError
        When no node says where the head is.
    """
    head = finality.head(client)
    target = head if plan.to_block is None else plan.to_block
    if not 0 <= target <= head:
        message = f"Block {target:,} cannot be collected: the head that is followed stands at block {head:,}."
        raise InputError(message, field="to", value=target)
    for deployment in selected:
        yield _collect(deployment, client=client, plan=plan, target=target, show=show)


def _collect(deployment: Deployment, *, client: Client, plan: Plan, target: int, show: Show) -> Outcome:
    report, frozen, failure = None, "", None
    try:
        with show(deployment, target) as progress:
            if plan.workers:
                backlog.work_off(deployment, to_block=target, workers=plan.workers, progress=progress)
            report = verbs.collect(deployment, client=client, to_block=target, progress=progress)
        frozen = _snapshot(deployment, client=client, plan=plan, collected_to=report.last)
    except BreakwaterError as error:
        failure = error
    holes = sorted({hole for stream in deployment.streams.all() for hole in coverage.gaps(stream)})
    return Outcome(
        deployment=deployment, target=target, report=report, holes=tuple(holes), snapshot=frozen, error=failure
    )


def _snapshot(deployment: Deployment, *, client: Client, plan: Plan, collected_to: int) -> str:
    """Freeze the book at the newest settled block, when it is time to; return its hash."""
    if plan.snapshots == "never" or deployment.kind != Deployment.Kind.PROTOCOL:
        return ""
    block = verbs.settled(deployment, client=client, collected_to=collected_to)
    if block < deployment.first_block or (plan.snapshots == "due" and not verbs.is_due(deployment, block=block)):
        return ""
    return verbs.snapshot(deployment, block=block, client=client).dataset_hash
