"""Which jobs there were, when, and how each went: plain numbers, drawn from a seed, the same in each run."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from jobs.domain import reasons

from .setting import DEFINITION_NAMES, QUEUES, REVISIONS, USERS

YEAR_SECONDS = 365 * 86_400
JOBS, ARRAYS, CHILDREN, LIVE, OF_HEAVY_USER = 1_000_000, 10, 10_000, 1_000, 20_000
# The newest array still runs: so many of its children do, or wait.
LIVE_CHILDREN = 1_000
# What jobs end with, and how many of a thousand do.
FAILURES = (
    (80, reasons.ESSENTIAL_EXITED, 1),
    (15, reasons.OUT_OF_MEMORY, 137),
    (15, reasons.TIMED_OUT, 143),
    (10, reasons.TERMINATED_BY_USER, 143),
    (5, f"{reasons.HOST_LOST} (instance i-0123456789abcdef0) terminated.", None),
    (5, "CannotPullContainerError: pull access denied for registry.example/run:7", None),
)


@dataclass(frozen=True, slots=True)
class Campaign:
    """Jobs that one owner submitted together: indices into the lists of the setting."""

    at: float
    size: int
    owner: int
    queue: int
    definition: int
    name: str
    project: int
    run_seconds: float
    is_array: bool = False
    is_live: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """How one job went: moments in seconds since 1970; None for what has not come yet."""

    created: float
    runnable: float | None
    starting: float | None
    running: float | None
    stopped: float | None
    succeeded: bool
    reason: str
    exit_code: int | None
    retried: bool


def campaigns(now: float, *, jobs: int) -> Iterator[Campaign]:
    """A year of them up to now, oldest first. `jobs` counts arrays' children, too."""
    rng = random.Random(6)
    plain = jobs - ARRAYS * (CHILDREN * jobs // JOBS + 1) - LIVE * jobs // JOBS
    sizes = list(_sizes(rng, plain))
    arrays = {len(sizes) * number // ARRAYS for number in range(1, ARRAYS)}
    heavy_left = OF_HEAVY_USER * jobs // JOBS
    begin, step = now - YEAR_SECONDS, (YEAR_SECONDS - 7200) / len(sizes)
    for number, size in enumerate(sizes):
        owner = 1 + int((USERS - 1) * rng.random() ** 2)
        if heavy_left > 0 and number % 40 == 0:
            owner, heavy_left = 0, heavy_left - size
        at = begin + number * step
        yield _campaign(rng, at=at, size=size, owner=owner)
        if number in arrays:
            yield _campaign(rng, at=at + 60, size=CHILDREN * jobs // JOBS, owner=0, is_array=True)
    recent = {"at": now - 5400, "is_live": True}
    yield _campaign(rng, size=CHILDREN * jobs // JOBS, owner=0, is_array=True, **recent)
    for owner in range(20):
        yield _campaign(rng, size=LIVE * jobs // JOBS // 20, owner=owner, **recent)


def _sizes(rng: random.Random, left: int) -> Iterator[int]:
    while left > 0:
        size = min(left, int(10 ** rng.uniform(0, 2.8)))
        left -= size
        yield size


def _campaign(rng: random.Random, **fields: object) -> Campaign:
    owner = int(str(fields["owner"]))
    # Everybody has a few definitions and two queues.
    name = (owner * 7 + rng.randrange(4)) % DEFINITION_NAMES
    values = {
        "queue": (owner + rng.randrange(2)) % QUEUES,
        "definition": name * REVISIONS + rng.randrange(REVISIONS),
        "name": f"run-{rng.randrange(10_000):04}",
        "project": rng.randrange(50),
        "run_seconds": 10 ** rng.uniform(0.7, 3.5),
        **fields,
    }
    return Campaign(**values)  # type: ignore[arg-type]


def course_of(
    rng: random.Random, campaign: Campaign, index: int, created: float, now: float
) -> Course:
    """How its job of that index went; of those that live now, how far it is."""
    share = index / campaign.size
    wait = 1 + rng.random() * 5 + share * min(campaign.size * 8, 5400)
    run = campaign.run_seconds * rng.lognormvariate(0, 0.35)
    reason, exit_code = _end(rng)
    retried = bool(reason) and rng.random() < 0.2
    runnable = created + rng.random()
    if campaign.is_live and _lives(campaign, index):
        runs = rng.random() < 0.2 and not _waits_for_others(campaign, index)
        starting = runnable + wait if runs and runnable + wait < now else None
        waits = runs or not _waits_for_others(campaign, index)
        return Course(
            created, runnable if waits else None, starting, starting and starting + 2, None,
            False, "", None, False,
        )  # fmt: skip
    starting = min(runnable + wait, now - 700)
    running = starting + 0.5 + rng.random() * 3
    stopped = min(running + run, now - 30)
    return Course(
        created, runnable, starting, max(running, starting), max(stopped, running), not reason,
        reason, exit_code, retried,
    )  # fmt: skip


def _lives(campaign: Campaign, index: int) -> bool:
    return (
        not campaign.is_array or index >= campaign.size - campaign.size * LIVE_CHILDREN // CHILDREN
    )


def _waits_for_others(campaign: Campaign, index: int) -> bool:
    """Every tenth live job is PENDING, for the one before it."""
    return not campaign.is_array and index % 10 == 9


def _end(rng: random.Random) -> tuple[str, int | None]:
    drawn = rng.random() * 1000
    for part, reason, exit_code in FAILURES:
        drawn -= part
        if drawn < 0:
            return reason, exit_code
    return "", 0
