"""What is found beside jobs, by name: pages, and things of each kind, with where they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.urls import reverse

from jobs.domain import search
from jobs.selectors.search_names import Named, find_names

PAGES = "pages"


@dataclass(frozen=True, slots=True)
class FoundName:
    """A name that was found, and its page."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class NameGroup:
    """Those of one kind, by name. `kind` is its key in JSON; `one` and `many` are what people call it."""

    kind: str
    one: str
    many: str
    icon: str
    found: Sequence[FoundName]


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of the dashboard, and by what other words people look for it."""

    title: str
    view: str
    also: str = ""
    argument: str = ""
    of_staff: bool = False


# By their headings.
_PAGES = (
    _Page("Overview", "overview", "home dashboard"),
    _Page("Jobs", "jobs"),
    _Page("Submit a job", "submit", "new run"),
    _Page("Bulk actions", "jobs_bulk", "cancel terminate rerun"),
    _Page("Queues", "queues", "job"),
    _Page("Scheduling policies", "policies", "fair share"),
    _Page("Consumable resources", "consumables", "licences"),
    _Page("Compute environments", "environments", "capacity machines"),
    _Page("Instance types", "instance_types", "prices catalogue"),
    _Page("Job definitions", "definitions", "templates"),
    _Page("Costs", "costs", "money billing spending"),
    _Page("Budgets", "budgets", "costs money limits"),
    _Page("Right-sizing", "right_sizing", "costs savings"),
    _Page("Monitoring", "monitoring", "charts metrics"),
    _Page("Alarms", "alarms", "monitoring"),
    _Page("Events", "events", "history monitoring"),
    _Page("Rules", "event_rules", "events webhooks e-mail notifications send"),
    _Page("Access tokens", "tokens", "account scripts"),
    _Page("Access keys", "access_keys", "account aws"),
    _Page("Secrets", "secrets", "account"),
    _Page("Registries", "registries", "logins images account"),
    _Page("Access policies", "access_policies", "rights permissions iam"),
    _Page("Users and rights", "access", "access people permissions", of_staff=True),
    _Page("Audit trail", "audit", "access log who did", of_staff=True),
    _Page("AWS API", "docs", "boto3 cli documentation", argument="api"),
)
# By the kinds of `selectors.search_names`: the name of one's URL, what one and many are called, their icon.
_KINDS = {
    "definitions": ("definition", "Definition", "Definitions", "template"),
    "queues": ("queue", "Queue", "Queues", "stack-2"),
    "environments": ("environment", "Environment", "Environments", "server-2"),
    "event_rules": ("event_rule", "Rule", "Rules", "bolt"),
    "alarms": ("alarm", "Alarm", "Alarms", "bell"),
    "budgets": ("budget", "Budget", "Budgets", "coin"),
    "access_policies": ("access_policy", "Access policy", "Access policies", "shield-lock"),
    "policies": ("policy", "Scheduling policy", "Scheduling policies", "scale"),
    "consumables": ("consumable", "Consumable resource", "Consumable resources", "ticket"),
}


def find(*, user: User, text: str, limit: int) -> list[NameGroup]:
    """The first so many of each kind that the user may see, pages first; kinds of which there is none are left out.

    A constant number of queries.
    """
    pages = list(_pages(user, search.words(text)))[:limit]
    groups = [NameGroup(PAGES, "Page", "Pages", "file-text", pages)]
    for kind, found in find_names(user=user, text=text, limit=limit).items():
        view, one, many, icon = _KINDS[kind]
        named = [FoundName(each.name, _url(view, kind, each)) for each in found]
        groups.append(NameGroup(kind, one, many, icon, named))
    return [group for group in groups if group.found]


def all_kinds() -> list[str]:
    """The keys of all kinds, in order."""
    return [PAGES, *_KINDS]


def _pages(user: User, typed: Sequence[str]) -> Iterator[FoundName]:
    """Each word is the beginning of one of the page's; those whose titles have them all go first."""
    if not typed:
        return
    shown = [page for page in _PAGES if user.is_staff or not page.of_staff]
    by_title = [page for page in shown if _has(page.title, typed)]
    by_others = [page for page in shown if _has(f"{page.title} {page.also}", typed)]
    for page in dict.fromkeys([*by_title, *by_others]):
        arguments = [page.argument] if page.argument else []
        yield FoundName(page.title, reverse(page.view, args=arguments))


def _has(text: str, typed: Sequence[str]) -> bool:
    have = search.words(text)
    return all(any(word.startswith(each) for word in have) for each in typed)


def _url(view: str, kind: str, named: Named) -> str:
    return reverse(kind) if named.key is None else reverse(view, args=[named.key])
