"""What access policies refuse at the API's door."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.models import Job
from tests.api.asking import Refused, ask
from tests.builders import an_access_policy

SUBMIT = "batch:SubmitJob"


def if_(operator: str, key: str, value: Any) -> dict[str, Any]:
    """A statement's condition."""
    return {"Condition": {operator: {key: value}}}


def bind(user: User, *statements: dict[str, Any]) -> None:
    """Gives him a policy of these statements."""
    an_access_policy(*statements, name="rules", users=[user])


def is_denied(user: User, operation: str, said: str = "", /, **params: Any) -> str:
    """The operation is refused; with which words, of which `said` are some."""
    with pytest.raises(Refused) as caught:
        ask(user, operation, **params)
    assert (caught.value.code, caught.value.status) == ("AccessDeniedException", 403)
    assert said in caught.value.message
    return caught.value.message


def submission_is_denied(user: User, **members: Any) -> str:
    """The same of SubmitJob, which leaves no job behind."""
    before = Job.objects.count()
    given = {"jobName": "a", "jobQueue": "high", "jobDefinition": "hello", **members}
    message = is_denied(user, "SubmitJob", **given)
    assert Job.objects.count() == before
    return message
