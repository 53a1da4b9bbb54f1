"""The scheduler's lease: one scheduler is active, others stand by.

A holder proves that he lives by raising `beats`. Who stands by watches the number by his own clock and
takes over when it has stood still for `LEASE_SECONDS`; clocks of different machines never
meet. Taking over raises `token`, and every write of a plan checks it in its own transaction, so
that a holder who was only asleep can do no harm when he wakes up.

Source of the idea: M. Kleppmann, "How to do distributed locking" (fencing tokens).
"""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import F

from jobs.domain.errors import LostLease
from jobs.models import SchedulerLease

LEASE_SECONDS = 5.0
BEAT_SECONDS = 1.0
NAME = "scheduler"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to decide, as long as the row's token is `token`."""

    token: int


@dataclass(slots=True)
class Standby:
    """What a scheduler that is not active has seen: how long the holder has been silent."""

    holder: str
    _seen: tuple[int, int] | None = None
    _since: float = 0.0

    def try_acquire(self, *, monotonic: float) -> Lease | None:
        """The lease if nobody holds it or its holder has been silent too long, else None.

        `monotonic` is this machine's monotonic clock, in seconds.
        """
        row, _ = SchedulerLease.objects.get_or_create(name=NAME)
        seen = (row.token, row.beats)
        if row.holder and seen != self._seen:
            self._seen, self._since = seen, monotonic
            return None
        if row.holder and monotonic - self._since < LEASE_SECONDS:
            return None
        taken = SchedulerLease.objects.filter(
            name=NAME, token=row.token, beats=row.beats, holder=row.holder
        ).update(holder=self.holder, token=F("token") + 1, beats=F("beats") + 1)
        return Lease(token=row.token + 1) if taken else None


def beat(lease: Lease) -> None:
    """Shows that the holder lives. Raises LostLease."""
    if not SchedulerLease.objects.filter(name=NAME, token=lease.token).update(beats=F("beats") + 1):
        raise LostLease


def release(lease: Lease) -> None:
    """Gives the lease back at once, so that who stands by need not wait."""
    SchedulerLease.objects.filter(name=NAME, token=lease.token).update(holder="")


def fence(lease: Lease) -> None:
    """Inside a transaction: holds the lease until its end. Raises LostLease, and nothing is written."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("fence() protects the transaction around it, and there is none")
    row = SchedulerLease.objects.select_for_update().get(name=NAME)
    if row.token != lease.token:
        raise LostLease
