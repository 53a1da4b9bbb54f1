"""What a list says below a job's status."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from jobs.web.contexts.status_notes import StatusNote, status_note
from tests.builders import a_job

pytestmark = pytest.mark.django_db

FITS_NOWHERE = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - It fits nowhere."
NO_ROOM = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - No room."


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"status": "RUNNING"}, None),
        ({"status": "RUNNABLE"}, None),
        ({"status": "RUNNABLE", "status_reason": "Host EC2 went away."}, None),
        (
            {"status": "RUNNABLE", "status_reason": NO_ROOM},
            StatusNote("No room.", title=NO_ROOM),
        ),
        (
            {"status": "RUNNABLE", "status_reason": FITS_NOWHERE},
            StatusNote("It fits nowhere.", title=FITS_NOWHERE, cannot_start=True),
        ),
        (
            {
                "status": "FAILED",
                "status_reason": "Essential container in task exited",
                "exit_code": 3,
            },
            StatusNote("Exit code 3", title="Essential container in task exited"),
        ),
        ({"status": "RUNNING", "stop_requested_at": timezone.now()}, StatusNote("stopping")),
        ({"status": "FAILED", "stop_requested_at": timezone.now()}, None),
        ({"status": "SUCCEEDED", "stop_requested_at": timezone.now()}, None),
    ],
)
def test_it_says_why_a_job_failed_or_waits_or_that_it_stops(
    fields: dict[str, Any], note: StatusNote | None
) -> None:
    assert status_note(a_job(**fields)) == note


def test_the_list_of_jobs_marks_what_cannot_start(page: Client) -> None:
    a_job(status="RUNNABLE", status_reason=FITS_NOWHERE)
    a_job(status="RUNNABLE", status_reason=NO_ROOM)
    html = page.get("/jobs/").text
    assert html.count("cannot start</a>") == 1
    assert ">No room.</div>" in html
