"""SubmitJob as its tests ask it: the definition hello on the queue high."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.models import (
    Job,
    JobSpec,
)
from tests.api.asking import Refused, ask
from tests.builders import (
    a_definition,
    a_queue,
    a_user,
)

ARN = "arn:aws:batch:us-east-1:123456789012:"


def hello() -> User:
    """Makes both, and a user who submits."""
    a_queue(name="high")
    a_definition(
        name="hello",
        command=["echo", "Ref::what"],
        environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "1"}],
        parameters={"what": "hello"},
        attempts=3,
        evaluate_on_exit=[{"onExitCode": "1", "action": "EXIT"}],
        timeout_seconds=600,
    )
    return a_user()


def submit(user: User, **members: Any) -> Job:
    """The job as it is stored."""
    return Job.objects.select_related("spec", "queue", "definition").get(
        id=answer(user, **members)["jobId"]
    )


def answer(user: User, **members: Any) -> dict[str, Any]:
    """What the API answers."""
    given = {"jobName": "a", "jobQueue": "high", "jobDefinition": "hello", **members}
    return ask(user, "SubmitJob", **given)


def is_refused(user: User, members: dict[str, Any], said: str) -> None:
    """Asks, and is refused in words that hold `said`; nothing was written."""
    jobs, specs = Job.objects.count(), JobSpec.objects.count()
    with pytest.raises(Refused) as caught:
        answer(user, **members)
    assert (caught.value.code, caught.value.status) == ("ClientException", 400)
    assert said in caught.value.message
    assert (Job.objects.count(), JobSpec.objects.count()) == (jobs, specs)
