"""What a list says below a job's status."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from jobs.scheduling.plan import WaitCode
from jobs.scheduling.reasons import (
    CANNOT_MEET_CPU,
    ENVIRONMENTS_INVALID,
    REQUIREMENT_TOO_HIGH,
    far_behind,
)
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


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (far_behind("night", 12)[1], "At least 12 jobs come before it."),
        (far_behind("night", 0)[1], "Waits its turn in the queue night."),
        (
            f"{WaitCode.TURN} - Waits in the queue night behind the job hog "
            "(01a203fb-82f3-768a-a52c-44c9af2d0000), which comes first and needs 4 vCPU, 1 GiB.",
            "Behind the job hog, which comes first and needs 4 vCPU, 1 GiB.",
        ),
        (
            f"{WaitCode.MAX_RESOURCE} - {CANNOT_MEET_CPU} It needs 64 vCPU; the most is 2.",
            "It needs 64 vCPU; the most is 2.",
        ),
        (
            f"{WaitCode.JOB_REQUIREMENT} - {REQUIREMENT_TOO_HIGH} It needs 1 GPU.",
            "It needs 1 GPU.",
        ),
        (f"{WaitCode.ENVIRONMENT_INVALID} - {ENVIRONMENTS_INVALID}", ENVIRONMENTS_INVALID),
    ],
)
def test_what_tells_a_waiting_job_from_others_comes_first_and_the_whole_is_its_title(
    reason: str, told: str
) -> None:
    note = status_note(a_job(status="RUNNABLE", status_reason=reason))
    assert note is not None
    assert (note.text, note.title) == (told, reason)


def test_the_list_of_jobs_marks_what_cannot_start(page: Client) -> None:
    a_job(status="RUNNABLE", status_reason=FITS_NOWHERE)
    a_job(status="RUNNABLE", status_reason=NO_ROOM)
    html = page.get("/jobs/").text
    assert html.count("cannot start</a>") == 1
    assert ">No room.</div>" in html
