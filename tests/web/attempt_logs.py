"""A running attempt, the URL of its log, and what is read of an answer."""

from django.contrib.auth.models import User

from jobs.models import Attempt
from tests.builders import NOW, a_job, an_attempt


def a_running_attempt(owner: User | None = None) -> Attempt:
    job = a_job(status="RUNNING", attempts_made=1, **({"owner": owner} if owner else {}))
    return an_attempt(job=job, started_at=NOW)


def url(attempt: Attempt, rest: str = "") -> str:
    return f"/jobs/{attempt.job_id}/attempts/{attempt.number}/log/{rest}"


def row_numbers(html: str) -> list[int]:
    return [int(part.partition('"')[0]) for part in html.split(' id="L')[1:]]
