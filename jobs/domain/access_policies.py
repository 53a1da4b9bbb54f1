"""What access policies say about a request: an explicit Deny wins, else an Allow, else the user's role decides.

Pure. Source: IAM User Guide, "Policy evaluation logic". A request may be on several resources (SubmitJob: a queue and a
definition): a Deny of one refuses it, and an Allow has to be there for each.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .access_actions import ACTIONS
from .access_conditions import Condition, Values, holds
from .access_documents import Statement
from .access_patterns import matches

REQUEST_TAG = "aws:RequestTag/"
RESOURCE_TAG = "aws:ResourceTag/"
TAG_KEYS = "aws:TagKeys"
# What each refusal says, and nothing else does.
NOT_AUTHORIZED = "is not authorized to perform:"
UNREADABLE = (
    "its document cannot be read any more, and until a superuser has changed or deleted it (Access, Policies), "
    "it denies its users all changes."
)


class Effect(StrEnum):
    DENY = "DENY"
    ALLOW = "ALLOW"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that is read. One that cannot be read any more says why (`problem`), and denies everything."""

    name: str
    statements: tuple[Statement, ...]
    problem: str = ""


def _no_tags() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Resource:
    """What something is done to. `also`: by what other ARNs it is meant, too, such as a revision by its definition's.

    `tags` is called only where a condition asks for them.
    """

    arn: str
    also: tuple[str, ...] = ()
    tags: Callable[[], Mapping[str, str]] = _no_tags


@dataclass(frozen=True, slots=True)
class Context:
    """What else conditions may look at: `values` by key, and the tags that the request sets (None: it sets none)."""

    values: Mapping[str, Values] = field(default_factory=dict)
    request_tags: Mapping[str, str] | None = None
    tag_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policies say, and which statement says so; without one, `effect` is NONE, or there is a `problem`."""

    effect: Effect
    action: str
    arn: str
    policy: str = ""
    statement: Statement | None = None
    problem: str = ""

    @property
    def is_denied(self) -> bool:
        return self.effect is Effect.DENY

    @property
    def gives(self) -> bool:
        """Whether it gives a user what is an administrator's."""
        return self.effect is Effect.ALLOW and ACTIONS[self.action].given


def decide(
    policies: Iterable[Policy],
    *,
    action: str,
    resources: Sequence[Resource],
    context: Context,
    username: str,
) -> Decision:
    """What these policies say about one request. `action` is one of ACTIONS, `resources` is not empty."""
    policies = tuple(policies)
    unreadable = next((policy for policy in policies if policy.problem), None)
    if unreadable is not None:
        name, problem = unreadable.name, unreadable.problem
        return Decision(Effect.DENY, action, resources[0].arn, name, problem=problem)
    meant = [
        (policy.name, statement)
        for policy in policies
        for statement in policy.statements
        if _is_of_action(statement, action)
    ]
    allowed: list[Decision] = []
    for resource in resources:
        asked = _Asked(resource, context, username)
        for effect in (Effect.DENY, Effect.ALLOW):
            for name, statement in meant:
                if statement.is_deny is (effect is Effect.DENY) and asked.fits(statement):
                    found = Decision(effect, action, resource.arn, name, statement)
                    if effect is Effect.DENY:
                        return found
                    allowed.append(found)
                    break
    if len(allowed) == len(resources):
        return allowed[0]
    return Decision(Effect.NONE, action, resources[0].arn)


def foreseen(
    policies: Iterable[Policy],
    *,
    action: str,
    resources: Sequence[Resource],
    context: Context,
    username: str,
    is_new: bool = False,
) -> Decision:
    """As `decide`, of a request that is still to be made: a Deny that asks for its tags, or of what `is_new` for its
    name, may not be one by then, and is left out."""
    return decide(
        [
            replace(
                policy,
                statements=tuple(
                    each
                    for each in policy.statements
                    if not (each.is_deny and _depends_on_request(each, is_new=is_new))
                ),
            )
            for policy in policies
        ],
        action=action,
        resources=resources,
        context=context,
        username=username,
    )


def _depends_on_request(statement: Statement, *, is_new: bool) -> bool:
    if is_new and statement.not_resources:
        return True
    keys = [condition.key for condition in statement.conditions]
    return any(key == TAG_KEYS or key.startswith(REQUEST_TAG) for key in keys)


def gives_somewhere(policies: Iterable[Policy], action: str) -> bool:
    """Whether some statement gives the action on something, as far as is known before it is said on what."""
    return ACTIONS[action].given and any(
        not statement.is_deny and _is_of_action(statement, action)
        for policy in policies
        for statement in policy.statements
    )


def refusal(decision: Decision, username: str) -> str:
    """What who is refused is told, in IAM's form."""
    begin = f"User {username} {NOT_AUTHORIZED} {decision.action} on resource: {decision.arn}"
    return f"{begin} because {who_denies(decision)}"


def who_denies(decision: Decision) -> str:
    """Which statement of which policy denies it, or why a policy denies everything."""
    if decision.problem:
        return f"policy {decision.policy} denies it: {UNREADABLE} {decision.problem}"
    label = decision.statement.label if decision.statement else ""
    return f"policy {decision.policy} (statement {label}) denies it."


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request as far as it is on one resource."""

    resource: Resource
    context: Context
    username: str

    def fits(self, statement: Statement) -> bool:
        return self._is_of_resource(statement) and all(
            holds(each, self._found(each), username=self.username, is_deny=statement.is_deny)
            for each in statement.conditions
        )

    def _is_of_resource(self, statement: Statement) -> bool:
        known = (self.resource.arn, *self.resource.also)
        is_named = any(
            matches(pattern, arn, username=self.username)
            for pattern in statement.resources
            for arn in known
        )
        return is_named != statement.not_resources

    def _found(self, condition: Condition) -> Values:
        key = condition.key
        if key.startswith(REQUEST_TAG):
            return _tag(self.context.request_tags or {}, key.removeprefix(REQUEST_TAG))
        if key.startswith(RESOURCE_TAG):
            return _tag(self.resource.tags(), key.removeprefix(RESOURCE_TAG))
        if key == TAG_KEYS:
            return (*(self.context.request_tags or ()), *self.context.tag_keys)
        return self.context.values.get(key, ())


def _is_of_action(statement: Statement, action: str) -> bool:
    is_named = any(matches(each, action, ignore_case=True) for each in statement.actions)
    return is_named != statement.not_actions


def _tag(tags: Mapping[str, str], wanted: str) -> Values:
    """The values of the tags with this key: whatever its case, as in IAM."""
    return [value for key, value in tags.items() if key.lower() == wanted.lower()]
