"""Reads of users and groups: who there is, what he may do, and when he was last seen."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import Group, User
from django.db.models import Count, IntegerField, Max, OuterRef, QuerySet, Subquery

from jobs.models import AccessKey, AccessPolicy, AccessToken, Job

from ..paging import PAGE_SIZE, Page, page_of

# Nobody needs to know whether somebody has a thousand jobs or a million.
JOBS_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Person:
    """A user with what he has. Of `jobs`, an array is one, and more than JOBS_COUNTED are that and one."""

    user: User
    groups: list[str]
    policies: list[AccessPolicy]
    jobs: int
    tokens: int
    keys: int
    last_seen_at: datetime | None

    @property
    def has_more_jobs(self) -> bool:
        return self.jobs > JOBS_COUNTED


class _Rows(Subquery):
    """How many rows a query gives that ends after some: a COUNT of Django's own would look at all of them."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


def list_people(*, after: str = "", search: str = "", size: int = PAGE_SIZE) -> Page[Person]:
    """Users by name, with their groups' policies and their own. Four queries."""
    rows = User.objects.filter(username__gt=after)
    if search:
        rows = rows.filter(username__icontains=search)
    rows = _with_counts(rows).order_by("username")
    rows = rows.prefetch_related("groups__access_policies", "access_policies")
    page = page_of(list(rows[: size + 1]), size=size, key=lambda user: user.get_username())
    return Page(rows=[_person(user) for user in page.rows], next=page.next)


def list_groups() -> list[Group]:
    """Groups by name, with `members` and `rights` counted; the first 200. One query."""
    counted = Group.objects.annotate(
        members=Count("user", distinct=True), rights=Count("permissions", distinct=True)
    )
    return list(counted.order_by("name")[:200])


def _with_counts(rows: QuerySet[User]) -> QuerySet[User]:
    mine = {"user": OuterRef("pk")}
    tokens, keys = AccessToken.objects.filter(**mine), AccessKey.objects.filter(**mine)
    jobs = Job.objects.filter(owner=OuterRef("pk"), parent=None).order_by("-pk")
    return rows.annotate(
        job_count=_Rows(jobs.values("pk")[: JOBS_COUNTED + 1]),
        token_count=_Rows(tokens.filter(revoked_at=None).values("pk")),
        key_count=_Rows(keys.filter(revoked_at=None).values("pk")),
        token_used_at=_newest_use(tokens),
        key_used_at=_newest_use(keys),
    )


def _newest_use(rows: QuerySet[AccessToken] | QuerySet[AccessKey]) -> Subquery:
    return Subquery(rows.order_by().values("user").annotate(at=Max("last_used_at")).values("at"))


def _policies(user: User) -> list[AccessPolicy]:
    """Those of a user and of his groups, each once, by name."""
    rows: list[User | Group] = [user, *user.groups.all()]
    # What refers to a row is an attribute that its class does not know of.
    attached = [getattr(row, "access_policies").all() for row in rows]  # noqa: B009
    found = {each.pk: each for policies in attached for each in policies}
    return sorted(found.values(), key=lambda each: each.name)


def _person(user: User) -> Person:
    # Annotations are attributes that the class does not know of.
    found = vars(user)
    seen = (user.last_login, found["token_used_at"], found["key_used_at"])
    return Person(
        user=user,
        groups=sorted(group.name for group in user.groups.all()),
        policies=_policies(user),
        jobs=found["job_count"],
        tokens=found["token_count"],
        keys=found["key_count"],
        last_seen_at=max((at for at in seen if at is not None), default=None),
    )
