"""Whether somebody may do something: what his access policies say, by `domain.access_policies`.

Every door asks `authorize` before anything is changed. Policies are read at each request, in one query, and what says
no is in force at the next one, in every process.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet

from jobs.domain.access_actions import TAG_RESOURCE, UNTAG_RESOURCE
from jobs.domain.access_conditions import Values
from jobs.domain.access_documents import Statement, statements_of_text
from jobs.domain.access_policies import (
    Context,
    Decision,
    Effect,
    Policy,
    Resource,
    decide,
    refusal,
)
from jobs.domain.errors import NotFound
from jobs.domain.validation import FieldError
from jobs.models import AccessPolicy

from ..paging import PAGE_SIZE, Page, page_of

# Values, or what gives them: most users have no policy, and then nobody asks.
Resources = Sequence[Resource] | Callable[[], Sequence[Resource]]
LazyContext = Context | Callable[[], Context]
_HAS_SOME = "has_access_policies"
_IS_OF_JOB = "acts_for_a_job"


def authorize(
    *,
    user: User,
    action: str,
    resources: Resources,
    context: LazyContext,
    policies: Sequence[Policy] | None = None,
) -> bool:
    """Raises PermissionDenied, in IAM's words, if a policy of the user denies the action on one of the resources.

    Whether a policy gives it to him: an action of the setup, where it is not his already; a job with a role is given
    nothing. Without `policies`, which are `policies_of` him, that is one query. Superusers are not bound: they could
    change the policies.
    """
    decision = decision_of(
        user=user, action=action, resources=resources, context=context, policies=policies
    )
    if decision is None:
        return False
    if decision.is_denied:
        raise PermissionDenied(refusal(decision, user.get_username()))
    return decision.gives and not getattr(user, _IS_OF_JOB, False)


def authorize_tags(
    *,
    user: User,
    resource: Resource,
    tags: Mapping[str, str],
    before: Mapping[str, str] | None = None,
    values: Mapping[str, Values],
    policies: Sequence[Policy],
) -> bool:
    """Asks for the tags that something gets besides what else is done to it, as AWS does where it is made with tags.

    `before`: those it has, which `tags` are put in the place of. `values` are a context's. Whether policies give what
    there is to give. Raises PermissionDenied.
    """
    old = before or {}
    added = {key: value for key, value in tags.items() if old.get(key) != value}
    removed = tuple(key for key in old if key not in tags)
    given = True
    for action, context in (
        (TAG_RESOURCE, Context(values, added) if added else None),
        (UNTAG_RESOURCE, Context(values, None, removed) if removed else None),
    ):
        if context is not None:
            may = authorize(
                user=user, action=action, resources=[resource], context=context, policies=policies
            )
            given = given and may
    return given


def decision_of(
    *,
    user: User,
    action: str,
    resources: Resources,
    context: LazyContext,
    policies: Sequence[Policy] | None = None,
) -> Decision | None:
    """What the policies of a user say; None if he has none, or is not bound by any."""
    if user.is_superuser:
        return None
    found = policies_of(user) if policies is None else policies
    if not found:
        return None
    return decide(
        found,
        action=action,
        resources=resources() if callable(resources) else resources,
        context=context() if callable(context) else context,
        username=user.get_username(),
    )


def policies_of(user: User) -> list[Policy]:
    """The policies of a user and of his groups. One query; none if it is known that there are none."""
    if not getattr(user, _HAS_SOME, True):
        return []
    rows = _attached_to(user).values_list("name", "document")
    return [_policy(name, text) for name, text in rows]


def with_policies(users: QuerySet[User]) -> QuerySet[User]:
    """Users of whom it is known whether they have policies, in the query that reads them."""
    own = AccessPolicy.users.through.objects.filter(user=OuterRef("pk"))
    groups = AccessPolicy.groups.through.objects.filter(group__user=OuterRef("pk"))
    return users.annotate(**{_HAS_SOME: Exists(own) | Exists(groups)})


def may_have_policies(user: User) -> bool:
    """Whether policies may bind him; False if it is known that none does."""
    return not user.is_superuser and bool(getattr(user, _HAS_SOME, True))


def note_policies(user: object, *, has_some: bool) -> None:
    """Notes of a user who was read just now for one request, or of who stands for some, whether he has policies."""
    setattr(user, _HAS_SOME, has_some)


def note_job(user: User) -> None:
    """Notes of a copy of a user that a job with a role acts as him: what is denied to him is denied to it, no more."""
    setattr(user, _IS_OF_JOB, True)


def base_context(*, user: User, now: datetime, address: str) -> dict[str, tuple[str, ...]]:
    """What each request has of conditions' keys. An empty `address` is not known."""
    return {
        "aws:username": (user.get_username(),),
        "aws:CurrentTime": (now.isoformat(),),
        "aws:EpochTime": (str(int(now.timestamp())),),
        **({"aws:SourceIp": (address,)} if address else {}),
    }


def list_policies(
    *, after: str = "", search: str = "", size: int = PAGE_SIZE
) -> Page[AccessPolicy]:
    """Policies by name, with users and groups. Three queries."""
    rows = AccessPolicy.objects.filter(name__gt=after)
    if search:
        rows = rows.filter(name__icontains=search)
    rows = rows.prefetch_related("users", "groups").order_by("name")
    return page_of(list(rows[: size + 1]), size=size, key=lambda row: row.name)


def find_policy(*, policy_id: int) -> AccessPolicy:
    """A policy. Raises NotFound."""
    row = AccessPolicy.objects.prefetch_related("users", "groups").filter(pk=policy_id).first()
    if row is None:
        raise NotFound("There is no such access policy.")
    return row


def statements_of(policy: AccessPolicy) -> tuple[Statement, ...]:
    """The statements of a stored policy. Raises FieldError if it cannot be read any more."""
    return _statements(policy.document)


def policy_of(row: AccessPolicy) -> Policy:
    """A stored policy as it is decided by."""
    return _policy(row.name, row.document)


def find_user(name: str) -> User | None:
    """The user of that name."""
    return None if "\0" in name else User.objects.filter(username=name).first()


def find_group(name: str) -> Group | None:
    """The group of that name."""
    return None if "\0" in name else Group.objects.filter(name=name).first()


def names_of_users() -> list[str]:
    """Users to choose from, by name; the first 200."""
    return list(User.objects.order_by("username").values_list("username", flat=True)[:200])


def names_of_groups() -> list[str]:
    """Groups to choose from, by name; the first 200."""
    return list(Group.objects.order_by("name").values_list("name", flat=True)[:200])


def _attached_to(user: User) -> QuerySet[AccessPolicy]:
    own = AccessPolicy.users.through.objects.filter(accesspolicy=OuterRef("pk"), user=user.pk)
    groups = AccessPolicy.groups.through.objects.filter(
        accesspolicy=OuterRef("pk"), group__user=user.pk
    )
    return AccessPolicy.objects.filter(Q(Exists(own)) | Q(Exists(groups))).order_by("name")


def _policy(name: str, text: str) -> Policy:
    """A policy, also one whose words this version does not know: nobody is freed by that."""
    try:
        return Policy(name, _statements(text))
    except FieldError as error:
        return Policy(name, (), str(error))


@lru_cache(maxsize=512)
def _statements(text: str) -> tuple[Statement, ...]:
    """By the text itself: what is changed is another text."""
    return statements_of_text(text)


__all__ = [
    "Context",
    "Effect",
    "Resource",
    "authorize",
    "authorize_tags",
    "base_context",
    "decision_of",
    "find_group",
    "find_policy",
    "find_user",
    "list_policies",
    "may_have_policies",
    "names_of_groups",
    "names_of_users",
    "note_job",
    "note_policies",
    "policies_of",
    "policy_of",
    "statements_of",
    "with_policies",
]
