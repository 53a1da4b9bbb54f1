"""What the submit form says of access policies while it is filled in: what would be refused, where it can be mended."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from jobs.domain import variables
from jobs.domain.access_actions import SUBMIT_JOB
from jobs.domain.access_policies import REQUEST_TAG, TAG_KEYS, Decision, refusal
from jobs.domain.arns import JOB_DEFINITION
from jobs.domain.validation import FieldError
from jobs.selectors.access.policies import may_have_policies
from jobs.selectors.realm import arns
from jobs.services.requests.rights import denial_of

from .submit_forecast import valid_submission

# What a condition asks for, by the field that says it; what a field leaves empty is the definition's.
_FIELDS = {
    "batch:Image": "image",
    "batch:ShareIdentifier": "share_identifier",
    "batchweb:Vcpus": "vcpus",
    "batchweb:MemoryMib": "memory_mib",
    "batchweb:Gpus": "gpus",
    "batchweb:ArraySize": "array_size",
}
_OF_DEFINITION = ("batch:Image", "batch:Privileged", "batch:User", "batch:LogDriver")


def with_denial(context: Mapping[str, Any], *, user: User, address: str) -> dict[str, Any]:
    """The form's context, or that of its check, with what a policy denies among the `errors`, in the words of the
    refusal. `denied` is the name of the field. Nothing is read of who has no policies."""
    found = _denial(context, user, address)
    if found is None:
        return {**context, "denied": ""}
    field, text = _field(found, context["values"]), refusal(found, user.get_username())
    errors = dict(context["errors"])
    errors[field] = [*errors.get(field, ()), text]
    return {**context, "errors": errors, "denied": field}


def _denial(context: Mapping[str, Any], user: User, address: str) -> Decision | None:
    values = context["values"]
    if not (values["queue"] and values["definition"] and may_have_policies(user)):
        return None
    submission = valid_submission(user, values, context["policy"])
    if submission is None:
        return None
    asked = replace(submission, tags=_tags(values.get("tags")))
    return denial_of(asked, owner=user, now=timezone.now(), address=address)


def _tags(given: object) -> dict[str, str]:
    try:
        return variables.tags(given) if given else {}
    except FieldError:
        # It is told beside them.
        return {}


def _field(denial: Decision, values: Mapping[str, Any]) -> str:
    """Where to mend it: by what the statement asks for, else by what it is on."""
    if denial.action != SUBMIT_JOB:
        return "tags"
    for condition in denial.statement.conditions if denial.statement else ():
        key = condition.key
        if key == TAG_KEYS or key.startswith(REQUEST_TAG):
            return "tags"
        field = _FIELDS.get(key, "")
        if values.get(field):
            return field
        if key in _OF_DEFINITION:
            return "definition"
    is_of_definition = arns().name_in(denial.arn, JOB_DEFINITION) is not None
    return "definition" if is_of_definition else "queue"
