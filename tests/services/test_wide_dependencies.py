"""Dependencies of thousands: chains, fans and dense webs."""

import pytest

from jobs.domain.ids import text_of
from jobs.models import Job, JobStatus
from jobs.services.passes.lease import Lease
from tests.services.stepping import (
    end,
    schedule,
    statuses,
)
from tests.services.test_dependencies import a_web, ids_of

pytestmark = pytest.mark.django_db


def test_the_failure_at_the_head_of_a_chain_of_thousands_reaches_its_end(lease: Lease) -> None:
    chain = [layer[0] for layer in a_web(*([1] * 3000))]
    schedule(lease)
    end(chain[0], ok=False, reason="Exit")
    schedule(lease)
    said = f"Dependent Job failed: work ({text_of(chain[0].id)}): Exit"
    failed = Job.objects.filter(id__in=ids_of(chain[1:]), status=JobStatus.FAILED)
    assert failed.filter(status_reason=said).count() == 3000
    assert not Job.objects.filter(needs_settling=True).exists()


@pytest.mark.parametrize("ok", [True, False])
def test_thousands_that_wait_for_one_job_are_told_of_its_end(lease: Lease, ok: bool) -> None:
    (first,), fan = a_web(3000)
    schedule(lease)
    end(first, ok=ok)
    schedule(lease)
    assert set(statuses(fan)) == {"RUNNABLE" if ok else "FAILED"}
    assert not Job.objects.filter(needs_settling=True).exists()


def test_one_that_waits_for_a_dense_web_goes_after_the_last_of_it(lease: Lease) -> None:
    (first,), *layers = a_web(20, 20, 20, 1)
    schedule(lease)
    end(first)
    for layer in layers:
        schedule(lease)
        assert set(statuses(layer)) == {"RUNNABLE"}
        end(*layer[1:])
        schedule(lease)
        behind = [job for later in layers[layers.index(layer) + 1 :] for job in later]
        assert set(statuses(behind)) <= {"PENDING"}
        end(layer[0])
