import pytest
from django.db import transaction

from jobs.domain.errors import LostLease
from jobs.models import SchedulerLease
from jobs.services.passes.lease import LEASE_SECONDS, Lease, Standby, beat, fence, release

pytestmark = pytest.mark.django_db


def test_the_first_scheduler_is_active_at_once() -> None:
    assert Standby(holder="a").try_acquire(monotonic=0) == Lease(token=1)


def test_a_second_one_stands_by_while_the_first_beats() -> None:
    lease = Standby(holder="a").try_acquire(monotonic=0)
    second = Standby(holder="b")
    for seconds in range(0, 60, 4):
        assert lease is not None
        beat(lease)
        assert second.try_acquire(monotonic=seconds) is None


def test_it_takes_over_when_the_first_has_been_silent_and_fences_it_off() -> None:
    first = Standby(holder="a").try_acquire(monotonic=0)
    assert first is not None
    second = Standby(holder="b")
    assert second.try_acquire(monotonic=100) is None
    assert second.try_acquire(monotonic=100 + LEASE_SECONDS - 0.1) is None
    taken = second.try_acquire(monotonic=100 + LEASE_SECONDS)
    assert taken == Lease(token=2)
    with pytest.raises(LostLease):
        beat(first)
    with transaction.atomic(), pytest.raises(LostLease):
        fence(first)
    with transaction.atomic():
        fence(taken)


def test_of_two_that_stand_by_one_wins() -> None:
    Standby(holder="a").try_acquire(monotonic=0)
    others = [Standby(holder="b"), Standby(holder="c")]
    for other in others:
        other.try_acquire(monotonic=0)
    won = [other.try_acquire(monotonic=LEASE_SECONDS) for other in others]
    assert [lease for lease in won if lease] == [Lease(token=2)]


def test_a_released_lease_is_taken_at_once() -> None:
    lease = Standby(holder="a").try_acquire(monotonic=0)
    assert lease is not None
    release(lease)
    assert Standby(holder="b").try_acquire(monotonic=0) == Lease(token=2)


def test_a_late_release_does_not_take_the_lease_from_its_new_holder() -> None:
    lease = Standby(holder="a").try_acquire(monotonic=0)
    assert lease is not None
    second = Standby(holder="b")
    second.try_acquire(monotonic=0)
    second.try_acquire(monotonic=LEASE_SECONDS)
    release(lease)
    assert SchedulerLease.objects.get().holder == "b"
