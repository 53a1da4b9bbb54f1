"""What a waiting job's page says: for how long, why, and which place it has."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from jobs.models import WaitReason
from jobs.scheduling.plan import WaitCode
from tests.builders import a_job

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("later", "is_told"), [(2, False), (60, True)])
def test_it_waits_since_it_is_runnable_whatever_the_newest_reason_is(
    page: Client, later: int, is_told: bool
) -> None:
    began = timezone.now() - timedelta(minutes=90)
    job = a_job(status="RUNNABLE", status_changed_at=began)
    WaitReason.objects.create(
        job=job, code=WaitCode.CAPACITY, reason="No room.", since=began + timedelta(seconds=later)
    )
    html = page.get(f"/jobs/{job.pk}/").text
    assert f'Waiting for <span data-since="{began.isoformat()}"' in html
    assert ("For this reason since" in html) is is_told


@pytest.mark.parametrize("can_start", [True, False])
def test_only_what_can_start_has_a_place_in_its_queue(page: Client, can_start: bool) -> None:
    reason = "" if can_start else "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - It fits nowhere."
    job = a_job(status="RUNNABLE", status_reason=reason)
    assert ("in its queue</a>" in page.get(f"/jobs/{job.pk}/").text) is can_start


@pytest.mark.parametrize("status", ["RUNNABLE", "PENDING"])
def test_the_overview_says_that_it_counts_children_where_there_may_be_arrays(
    page: Client, status: str
) -> None:
    a_job(status=status)
    assert ("counted one by one" in page.get("/").text) is (status == "PENDING")
