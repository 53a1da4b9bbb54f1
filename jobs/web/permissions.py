"""Which action of access policies each post to a page is, on which resources: asked before the view is called.

A view that takes posts and has no entry in RULES refuses them: a test finds it before anybody else does. The
administration asks by itself (`jobs.admin.permissions`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from jobs.domain import arns as kinds
from jobs.domain import variables
from jobs.domain.access_actions import (
    CANCEL_JOB,
    DEREGISTER_JOB_DEFINITION,
    OWN,
    REGISTER_JOB_DEFINITION,
    TERMINATE_JOB,
)
from jobs.domain.access_policies import Context, gives_somewhere
from jobs.domain.validation import FieldError
from jobs.selectors.access.policies import (
    authorize,
    authorize_tags,
    base_context,
    policies_of,
)

from . import answers
from . import permission_resources as of
from .permission_resources import Find, Post

READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_GIVEN = "policy_gives"


@dataclass(frozen=True, slots=True)
class Rule:
    """The action, and what finds its resources. Without that nothing is asked here: `why`; an action then says what a
    policy may give the sender, whom the service asks again.

    `sets_tags`: the post may also set the tags of its first resource, which are actions of their own.
    """

    action: str = ""
    find: Find | None = None
    why: str = ""
    sets_tags: bool = False


class PolicyMiddleware:
    """Refuses a post that a policy of its sender denies (403), before its view is called.

    It stands behind those who know the user, and behind the audit trail, which lists what is refused.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> None:
        """Asks, and notes whether a policy gives the sender what is an administrator's."""
        match = request.resolver_match
        if request.method in READS or match is None or match.namespaces:
            return
        if not isinstance(request.user, User):
            return
        methods = getattr(view_func, answers.METHODS, None)
        if methods is not None and request.method not in methods:
            # The view says which it takes.
            return
        rule = RULES.get(match.view_name)
        if rule is None:
            raise PermissionDenied(
                f"Posts to {match.view_name} are not among what may be asked for."
            )
        if rule.action:
            setattr(request, _GIVEN, _is_permitted(request, request.user, rule, view_kwargs))


def was_given(request: HttpRequest) -> bool:
    """Whether a policy gives the sender what he posts; found before its view is called."""
    return bool(getattr(request, _GIVEN, False))


def address_of(request: HttpRequest) -> str:
    """From where a request comes."""
    return str(request.META.get("REMOTE_ADDR") or "")


def _is_permitted(request: HttpRequest, user: User, rule: Rule, kwargs: Mapping[str, Any]) -> bool:
    policies = [] if user.is_superuser else policies_of(user)
    if not policies:
        return False
    if rule.find is None:
        return gives_somewhere(policies, rule.action)
    fields = _fields(request)
    resources = rule.find(Post(user, kwargs, fields))
    tags = _tags(fields)
    given = authorize(
        user=user,
        action=rule.action,
        resources=resources,
        context=_context(request, user, tags),
        policies=policies,
    )
    if not (rule.sets_tags and "tags" in fields):
        return given
    may_tag = authorize_tags(
        user=user,
        resource=resources[0],
        tags=tags,
        before=resources[0].tags(),
        values=_context(request, user, {}).values,
        policies=policies,
    )
    return given and may_tag


def _fields(request: HttpRequest) -> dict[str, Any]:
    """What is posted. The lists of a form are lists."""
    try:
        fields = answers.posted(request)
    except BadRequest:
        # The view says what is wrong with it.
        return {}
    if request.content_type != "application/json" and "environments" in fields:
        fields["environments"] = request.POST.getlist("environments")
    return fields


def _tags(fields: Mapping[str, Any]) -> dict[str, str]:
    try:
        return variables.tags(fields["tags"]) if fields.get("tags") else {}
    except FieldError:
        # The service refuses them.
        return {}


def _context(request: HttpRequest, user: User, tags: Mapping[str, str]) -> Context:
    values = base_context(user=user, now=timezone.now(), address=address_of(request))
    return Context(values, tags or None)


def _crud(
    many: str, one: str, noun: str, kind: str, *, service: str = "batch"
) -> Mapping[str, Rule]:
    in_url = of.url(kind, service=service)
    sets_tags = service == "batch"
    return {
        many: Rule(
            f"{service}:Create{noun}", of.posted(kind, service=service), sets_tags=sets_tags
        ),
        one: Rule(f"{service}:Update{noun}", of.renamed(kind, service), sets_tags=sets_tags),
        f"{one}_delete": Rule(f"{service}:Delete{noun}", in_url),
    }


_IN_SERVICE = Rule(why="The service asks, with all that the job or definition runs.")
_EACH = Rule(why="Each job is asked for by itself, when its turn comes.")
_ONES_OWN = Rule(why="It changes what its sender alone sees, or nothing.")
_SUPERUSERS = Rule(why="Superusers alone, whom no policy binds.")
_UPDATE_QUEUE = Rule("batch:UpdateJobQueue", of.url(kinds.JOB_QUEUE))
_UPDATE_ENVIRONMENT = Rule("batch:UpdateComputeEnvironment", of.url(kinds.COMPUTE_ENVIRONMENT))

RULES: Mapping[str, Rule] = {
    "login": _ONES_OWN,
    "logout": _ONES_OWN,
    "access_password": _ONES_OWN,
    "job_views": _ONES_OWN,
    "job_view_delete": _ONES_OWN,
    "submit_fill": _ONES_OWN,
    "submit_check": _ONES_OWN,
    "bulk_stop": _ONES_OWN,
    "jobs": _IN_SERVICE,
    "submit": _IN_SERVICE,
    "job_rerun": _IN_SERVICE,
    "definitions": Rule(REGISTER_JOB_DEFINITION, why=_IN_SERVICE.why),
    "jobs_bulk": _EACH,
    "bulk_undo": _EACH,
    "job_cancel": Rule(CANCEL_JOB, of.job),
    "job_terminate": Rule(TERMINATE_JOB, of.job),
    "job_checkpoint_delete": Rule("batchweb:DeleteCheckpoint", of.job),
    "definition_deregister": Rule(DEREGISTER_JOB_DEFINITION, of.revision),
    **_crud("queues", "queue", "JobQueue", kinds.JOB_QUEUE),
    "queues": Rule("batch:CreateJobQueue", of.new_queue, sets_tags=True),
    "queue": Rule("batch:UpdateJobQueue", of.queue, sets_tags=True),
    "queue_enable": _UPDATE_QUEUE,
    "queue_disable": _UPDATE_QUEUE,
    **_crud("policies", "policy", "SchedulingPolicy", kinds.SCHEDULING_POLICY),
    **_crud("consumables", "consumable", "ConsumableResource", kinds.CONSUMABLE_RESOURCE),
    **_crud("environments", "environment", "ComputeEnvironment", kinds.COMPUTE_ENVIRONMENT),
    "environment_enable": _UPDATE_ENVIRONMENT,
    "environment_disable": _UPDATE_ENVIRONMENT,
    "environment_node": Rule(
        "batchweb:UpdateMachine", of.url("machine", service=OWN, argument="instance_id")
    ),
    "environment_engine": Rule("batchweb:UpdateEngine", of.engine),
    **_crud("instance_types", "instance_type", "InstanceType", "instance-type", service=OWN),
    **_crud("alarms", "alarm", "Alarm", "alarm", service=OWN),
    **_crud("budgets", "budget", "Budget", "budget", service=OWN),
    **_crud("event_rules", "event_rule", "EventRule", "event-rule", service=OWN),
    **dict.fromkeys(
        ("event_rule_test", "event_rule_secret", "event_rule_again", "event_rule_now"),
        Rule("batchweb:UpdateEventRule", of.url("event-rule", service=OWN)),
    ),
    "event_rule_try": _ONES_OWN,
    "secrets": Rule("batchweb:CreateSecret", of.posted("secret", service=OWN)),
    "secret": Rule("batchweb:UpdateSecret", of.secret),
    "secret_delete": Rule("batchweb:DeleteSecret", of.secret),
    "registries": Rule("batchweb:CreateRegistryLogin", of.new_login),
    "registry": Rule("batchweb:UpdateRegistryLogin", of.login),
    "registry_check": Rule("batchweb:CheckRegistryLogin", of.login),
    "registry_delete": Rule("batchweb:DeleteRegistryLogin", of.login),
    "access_keys": Rule("batchweb:CreateAccessKey", of.own("access-key")),
    "access_key_revoke": Rule("batchweb:RevokeAccessKey", of.own("access-key")),
    "tokens": Rule("batchweb:CreateAccessToken", of.own("access-token")),
    "token_revoke": Rule("batchweb:RevokeAccessToken", of.own("access-token")),
    **dict.fromkeys(
        (
            "access_policies",
            "access_policy",
            "access_policy_delete",
            "access_policy_attach",
            "access_policy_detach",
        ),
        _SUPERUSERS,
    ),
}
# Pages with a form, by the view that takes it; those with a rule of their own ask before they do it.
FORMS = {
    "queue_edit": "queue",
    "policy_edit": "policy",
    "environment_edit": "environment",
    "instance_type_edit": "instance_type",
    "alarm_edit": "alarm",
    "budget_edit": "budget",
    "event_rule_edit": "event_rule",
}
FORMS_OF_NEW = {
    "definition_new": REGISTER_JOB_DEFINITION,
    "queue_new": "batch:CreateJobQueue",
    "environment_new": "batch:CreateComputeEnvironment",
    "policy_new": "batch:CreateSchedulingPolicy",
    "consumable_new": "batch:CreateConsumableResource",
    "instance_type_new": "batchweb:CreateInstanceType",
    "alarm_new": "batchweb:CreateAlarm",
    "budget_new": "batchweb:CreateBudget",
    "event_rule_new": "batchweb:CreateEventRule",
}
# Views that ask first when they are only looked at.
ASKING = frozenset(
    name
    for name, rule in RULES.items()
    if rule.find is not None and name.endswith(("_delete", "_revoke", "_secret", "_terminate"))
)
