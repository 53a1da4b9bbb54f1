"""Fair share: what a share has used, and what that means for its turn.

Use is measured in vCPU-milliseconds that fade: what was used a time t ago counts exp(-t / decay). A share
that uses the same all the time so holds what it uses in one `shareDecaySeconds`, as it would with a sharp window of
that length, but no moment exists at which an hour's work is forgotten at once.

Source: AWS Batch API, `FairsharePolicy` and `ShareAttributes`.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from .snapshot import EnvironmentView, FairShareView, JobView, NodeView, RunningView

# What AWS takes a value of zero for.
DEFAULT_DECAY_SECONDS = 600
DEFAULT_WEIGHT = 1.0
# A job is charged for a run of this length as soon as it is placed, where earlier runs tell nothing:
# else a share would take all that is free before its first second counts.
ADVANCE_SECONDS = 60.0


def decay_window(decay_seconds: int) -> float:
    """The policy's time constant in seconds."""
    return float(decay_seconds or DEFAULT_DECAY_SECONDS)


def decayed(amount: float, *, as_of: datetime, now: datetime, decay_seconds: int) -> float:
    """What is left at `now` of an amount as it stood at `as_of`; the same amount for an earlier `now`."""
    passed = max((now - as_of).total_seconds(), 0.0)
    return amount * math.exp(-passed / decay_window(decay_seconds))


def used_by_run(*, milli_vcpus: int, seconds: float, decay_seconds: int) -> float:
    """The vCPU-milliseconds of a run of so many seconds, decayed until the moment of its end."""
    window = decay_window(decay_seconds)
    return milli_vcpus * window * -math.expm1(-max(seconds, 0.0) / window)


def advance_charge(job: JobView, *, decay_seconds: int) -> float:
    """What a share is charged for a job that is placed now."""
    seconds = job.estimate_seconds or ADVANCE_SECONDS
    return used_by_run(milli_vcpus=job.milli_vcpus, seconds=seconds, decay_seconds=decay_seconds)


def usage_by_share(
    policy: FairShareView, running: Iterable[RunningView], now: datetime
) -> dict[str, float]:
    """Use at `now` of every share that ever used anything: what is stored and what runs."""
    usage: dict[str, float] = defaultdict(float)
    decay = policy.decay_seconds
    for row in policy.usage:
        usage[row.share_identifier] += decayed(
            row.milli_vcpu_seconds, as_of=row.as_of, now=now, decay_seconds=decay
        )
    for run in running:
        elapsed = (now - run.started_at).total_seconds() if run.started_at else 0.0
        seconds = max(elapsed, run.estimate_seconds or ADVANCE_SECONDS)
        usage[run.share_identifier] += used_by_run(
            milli_vcpus=run.holds.milli_vcpus, seconds=seconds, decay_seconds=decay
        )
    return usage


def weight_of(share_identifier: str, weights: Iterable[tuple[str, float]]) -> float:
    """The share's weight factor: its own, else that of the longest prefix that matches, else 1."""
    longest, found = -1, DEFAULT_WEIGHT
    for pattern, weight in weights:
        if pattern == share_identifier:
            return weight
        prefix = pattern[:-1]
        if pattern.endswith("*") and share_identifier.startswith(prefix) and len(prefix) > longest:
            longest, found = len(prefix), weight
    return found


def reserved_ratio(compute_reservation: int, active_shares: int) -> float:
    """Which part of a maximum is kept for shares that are not active: (percent / 100) ^ active shares."""
    if compute_reservation <= 0:
        return 0.0
    return float((compute_reservation / 100) ** max(active_shares, 1))


def active_shares(
    policy: FairShareView, jobs: Iterable[JobView], running: Iterable[RunningView]
) -> frozenset[str]:
    """The shares that have jobs which wait for room, or hold some."""
    shares = set(policy.waiting)
    shares.update(job.share_identifier for job in jobs)
    shares.update(run.share_identifier for run in running)
    return frozenset(shares)


def ceiling_milli_vcpus(
    environment: EnvironmentView, nodes: Mapping[int, NodeView], *, ratio: float
) -> int:
    """How far a fair-share queue may fill an environment."""
    maximum = environment.max_milli_vcpus
    if maximum is None:
        maximum = sum(nodes[id_].capacity.milli_vcpus for id_ in environment.node_ids)
    # Rounded first: a tenth of 8000 is 800, whatever floating point says.
    return maximum - math.ceil(round(maximum * ratio, 6))
