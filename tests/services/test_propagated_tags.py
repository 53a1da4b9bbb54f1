"""Tags that go on to a job's containers, as labels."""

import pytest

from jobs.models import Attempt, JobStatus
from jobs.services.attempts.containers import container_spec
from tests.builders import a_definition, a_job, an_attempt

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("propagate", "expected"),
    [
        (False, {}),
        # Of the same key the job's own counts.
        (True, {"team": "blue", "stage": "test", "cost": "low"}),
    ],
)
def test_a_definition_s_tags_and_the_job_s_own_become_labels(
    propagate: bool, expected: dict[str, str]
) -> None:
    job = a_job(
        definition=a_definition(tags={"team": "red", "stage": "test"}),
        tags={"team": "blue", "cost": "low"},
        propagate_tags=propagate,
        status=JobStatus.STARTING,
        attempts_made=1,
    )
    attempt = an_attempt(job=job)
    read = Attempt.objects.select_related("job__spec", "job__queue", "environment").get(
        id=attempt.id
    )
    labels = container_spec(read).labels
    prefix = "batchweb.tag."
    assert {
        name.removeprefix(prefix): value
        for name, value in labels.items()
        if name.startswith(prefix)
    } == expected
