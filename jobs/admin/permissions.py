"""What access policies are asked before something is changed in the administration.

Only a Deny counts here: who may come in at all has permissions of Django's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from jobs.domain import arns as kinds
from jobs.domain import variables
from jobs.domain.access_actions import OWN
from jobs.domain.access_policies import Context, Policy, Resource
from jobs.domain.registries import registry_prefix
from jobs.domain.validation import FieldError
from jobs.models import (
    AccessKey,
    AccessToken,
    Alarm,
    Budget,
    ComputeEnvironment,
    ConsumableResource,
    Engine,
    InstanceType,
    Job,
    JobDefinition,
    JobQueue,
    Node,
    RegistryLogin,
    SchedulingPolicy,
    Secret,
)
from jobs.selectors.access.policies import authorize, authorize_tags, base_context, policies_of
from jobs.selectors.access.resources import named, new_definition, of_definition, of_job


@dataclass(frozen=True, slots=True)
class Right:
    """How a model's rows are known to policies: `<service>:<verb><noun>` on `<kind>/<its field>`."""

    service: str
    noun: str
    kind: str
    field: str = "name"


RIGHTS: dict[type[Model], Right] = {
    ComputeEnvironment: Right("batch", "ComputeEnvironment", kinds.COMPUTE_ENVIRONMENT),
    ConsumableResource: Right("batch", "ConsumableResource", kinds.CONSUMABLE_RESOURCE),
    JobQueue: Right("batch", "JobQueue", kinds.JOB_QUEUE),
    SchedulingPolicy: Right("batch", "SchedulingPolicy", kinds.SCHEDULING_POLICY),
    # A revision is registered by its service, which asks with all that it runs.
    JobDefinition: Right("", "", kinds.JOB_DEFINITION),
    Alarm: Right(OWN, "Alarm", "alarm"),
    Budget: Right(OWN, "Budget", "budget"),
    Engine: Right(OWN, "Engine", "engine"),
    InstanceType: Right(OWN, "InstanceType", "instance-type"),
    Node: Right(OWN, "Machine", "machine", "instance_id"),
    RegistryLogin: Right(OWN, "RegistryLogin", "registry-login", "prefix"),
    Secret: Right(OWN, "Secret", "secret"),
    AccessKey: Right(OWN, "AccessKey", "access-key", "user"),
    AccessToken: Right(OWN, "AccessToken", "access-token", "user"),
}


def right_of(model: type[Model], verb: str) -> str:
    """The action that adds (Create), changes (Update) or deletes (Delete) rows of a model; empty: its service asks."""
    right = RIGHTS[model]
    return f"{right.service}:{verb}{right.noun}" if right.service else ""


class Asker:
    """Asks the policies of who sends a request, which are read once."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    def ask(self, action: str, row: Model) -> None:
        """Raises PermissionDenied if a policy denies the action on a row."""
        if self._policies:
            self._ask(action, [self._of(row)], {})

    def ask_of_form(self, model: type[Model], verb: str, form: Any) -> None:
        """The same of what a form adds or changes."""
        action = right_of(model, verb)
        if not action or not self._policies:
            return
        fields, right = form.cleaned_data, RIGHTS[model]
        name = str(fields.get(right.field) or "").strip()
        if model is RegistryLogin and name:
            name = registry_prefix(name)
        resources = [self._of(form.instance)] if verb == "Update" else []
        if name or not resources:
            resources.append(named(self._user, right.kind, name, service=right.service))
        chosen = [row for row in fields.values() if type(row) in RIGHTS]
        try:
            tags = variables.tags(fields["tags"]) if fields.get("tags") else {}
        except FieldError:
            tags = {}
        self._ask(action, [*resources, *map(self._of, chosen)], tags)
        if "tags" in fields:
            authorize_tags(
                user=self._user,
                resource=resources[0],
                tags=tags,
                before=resources[0].tags(),
                values=self._values(),
                policies=self._policies,
            )

    @cached_property
    def _user(self) -> User:
        assert isinstance(self.request.user, User)
        return self.request.user

    @cached_property
    def _policies(self) -> Sequence[Policy]:
        return [] if self._user.is_superuser else policies_of(self._user)

    def _ask(self, action: str, resources: Sequence[Resource], tags: dict[str, str]) -> None:
        authorize(
            user=self._user,
            action=action,
            resources=resources,
            context=Context(self._values(), tags or None),
            policies=self._policies,
        )

    def _values(self) -> dict[str, tuple[str, ...]]:
        address = str(self.request.META.get("REMOTE_ADDR") or "")
        return base_context(user=self._user, now=timezone.now(), address=address)

    def _of(self, row: Model) -> Resource:
        if isinstance(row, Job):
            return of_job(row)
        if isinstance(row, JobDefinition):
            return of_definition(row) if row.revision else new_definition(row.name)
        right = RIGHTS[type(row)]
        name = str(getattr(row, right.field))
        return named(self._user, right.kind, name, service=right.service)
