"""The pages that are measured, by the name of their URL: each with addresses of several rows of the large database."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from jobs import urls
from jobs.domain.ids import text_of
from jobs.models import (
    AccessKey,
    AccessToken,
    Attempt,
    BulkAction,
    ComputeEnvironment,
    Instance,
    Job,
    JobQueue,
    JobStatus,
    RegistryLogin,
    Secret,
)
from jobs.selectors.jobs import visible_jobs
from jobs.web.docs import TITLES
from jobs.web.search import SUGGESTIONS

from .extremes import LINES_OF_LOG, REVISED, REVISIONS, failed_job
from .setting import INSTANCE_TYPE

ROWS = 5
# What answers posts alone, streams, hands out files, or asks an engine for its answer.
NOT_MEASURED = frozenset(
    {
        "attempt_log_download", "attempt_log_live", "job_checkpoint", "job_checkpoint_archive",
        "job_checkpoint_file", "job_credentials", "job_node", "job_cancel", "job_rerun", "job_views",
        "jobs_export", "live", "login", "logout", "event_rule_try",
    }
)  # fmt: skip
# Those that are asked for in several ways, below.
NAMED = frozenset(
    {
        "jobs",
        "search",
        "costs",
        "monitoring",
        "submit",
        "submit_check",
        "submit_fill",
        "submit_jobs",
    }
)
LISTS = {
    "": "",
    "failed": "?status=FAILED",
    "running": "?status=RUNNING",
    "waiting": "?status=RUNNABLE",
    "of a queue": "?queue=queue-00",
    "failed of a queue": "?queue=queue-00&status=FAILED",
    "of a definition": "?definition=align-00",
    "of 300 revisions": f"?definition={REVISED}",
    "failed of 300 revisions": f"?definition={REVISED}&status=FAILED",
    "two states of 300 revisions": f"?definition={REVISED}&status=FAILED&status=RUNNING",
    "dearest of 300 revisions": f"?definition={REVISED}&sort=cost",
    "dearest": "?sort=cost",
    "longest": "?sort=longest",
    "by words": "?q=align",
    "by name": "?name=run-12",
    "by name, nothing found": "?name=nothing-like-this",
    "of all": "?queue=queue-00&status=FAILED&definition=align-00&name=run-1",
    "200 at once": "?limit=200",
    "oldest": "?sort=oldest",
    "by tag": "?tag=project-07",
    "of an owner": "?owner=user-00",
    "of some days": "?from=2026-03-01&to=2026-03-20&name=run-1",
    "children one by one": "?children=each&status=FAILED",
    "ended lately": "?sort=ended",
    "not on request": "?on_request=no&status=FAILED",
    "dearest of a year's ends": "?ended_from=2025-11-25&children=each&sort=cost",
}
RANGES = ("1h", "24h", "7d", "30d", "1y")
SEARCHES = {
    "one word": "?q=align",
    "two words": "?q=align+outofmemoryerror",
    "a beginning": "?q=run-12",
    "by tag": "?q=project-07",
    "nothing found": "?q=nothinglikethis",
}
COSTS = {
    "": "",
    "30 days": "?range=30d",
    "by owner": "?by=owner",
    "by definition": "?by=definition",
    "by tag": "?by=tag:project",
    "this month": "?range=month",
    "all definitions": "?range=30d&all=definition",
}
# The rows behind a figure.
FIGURES = {
    "of a queue": "?range=30d&queue=1",
    "of a definition": "?range=30d&definition=1",
    "of a tag": "?range=30d&tag=project",
}
DATA = {"Accept": "application/json"}
TYPING = {"HX-Request": "true", "HX-Target": f"div#{SUGGESTIONS}"}


@dataclass(frozen=True, slots=True)
class Address:
    """What is asked for: with `fields` by a post, with `headers` as a script of the page does."""

    path: str
    fields: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def addresses(user: User) -> Iterator[tuple[str, list[Address]]]:
    """What to call each measurement, and the addresses that take turns in it."""
    for name, paths in _pages(user):
        yield name, [Address(path) for path in paths]
    for name, path in _data(user):
        yield f"{name}, as data", [Address(path, headers=DATA)]
    if user.is_superuser:
        for model in apps.get_app_config("jobs").get_models():
            if admin.site.is_registered(model):
                listed = reverse(f"admin:jobs_{model._meta.model_name}_changelist")
                yield f"admin, {model._meta.model_name}", [Address(listed)]
    for query in ("al", "align", "run-12"):
        path = f"{reverse('search')}?q={query}"
        yield f"search, typing {query}", [Address(path, headers=TYPING)]
    yield from _form()


def _data(user: User) -> Iterator[tuple[str, str]]:
    """Pages whose JSON is read otherwise than the page, or by a script of the page."""
    for name in ("overview", "jobs", "queues", "monitoring", "costs", "events", "environments"):
        yield name, reverse(name)
    arrays = visible_jobs(user).filter(array_size__isnull=False, array_index__isnull=True)
    newest = arrays.order_by("-id").values_list("id", flat=True).first()
    if newest is not None:
        for name in ("job", "job_children", "job_timeline"):
            yield f"{name}, array", reverse(name, args=[newest])


def _form() -> Iterator[tuple[str, list[Address]]]:
    """The form to submit as it is being filled in."""
    filled = {"name": "mine", "queue": "queue-00", "definition": "fold-07", "loaded": "fold-07"}
    typing = {"HX-Request": "true", "HX-Target": "estimate"}
    yield "submit_check", [Address(reverse("submit_check"), filled, typing)]
    array = {**filled, "array_size": "10000"}
    yield "submit_check, array", [Address(reverse("submit_check"), array, typing)]
    yield "submit_fill", [Address(reverse("submit_fill"), {**filled, "loaded": ""})]
    of_words = f"{reverse('submit_jobs')}?depends_on_job=align"
    yield "submit_jobs", [Address(of_words, headers={"HX-Request": "true"})]


def _pages(user: User) -> Iterator[tuple[str, list[str]]]:
    yield from _lists(user)
    yield from _jobs(user)
    yield from _things()
    yield from _own(user)
    yield from _logs()
    for name in _plain_names():
        yield name, [reverse(name)]
    yield "submit, filled in", [f"{reverse('submit')}?definition=fold-07&queue=queue-00"]
    for title in TITLES:
        yield f"docs, {title}", [reverse("docs", args=[title])]


def _own(user: User) -> Iterator[tuple[str, list[str]]]:
    """What belongs to the user."""
    for names, rows in (
        (("bulk",), BulkAction.objects.filter(owner=user)),
        (("secret", "secret_delete"), Secret.objects.filter(owner=user)),
        (("registry", "registry_delete"), RegistryLogin.objects.filter(owner=user)),
        (("token_revoke",), AccessToken.objects.filter(user=user)),
        (("access_key_revoke",), AccessKey.objects.filter(user=user)),
    ):
        ids = list(rows.order_by("-id").values_list("pk", flat=True)[:ROWS])
        for name in names:
            yield name, [reverse(name, args=[each]) for each in ids]


def _logs() -> Iterator[tuple[str, list[str]]]:
    """A log of a million lines: its page, what its viewer loads while somebody scrolls or looks for something."""
    job = failed_job()
    arguments = [job.pk, job.attempts_made]
    middle = LINES_OF_LOG // 2
    yield "job, a long log", [reverse("job", args=[job.pk])]
    for name, what, query in (
        ("attempt_log", "", ""),
        ("attempt_log", "in the middle", f"?start={middle}"),
        ("attempt_log", "with words", "?q=999"),
        ("attempt_log_rows", "", f"?start={middle}"),
        ("attempt_log_rows", "with words", f"?start={middle}&q=777"),
        ("attempt_log_search", "", "?q=777"),
        ("attempt_log_search", "nothing found", "?q=nothing+like+this"),
        ("attempt_log_search", "on stderr", "?source=stderr"),
    ):
        yield _named(name, what), [reverse(name, args=arguments) + query]


def _lists(user: User) -> Iterator[tuple[str, list[str]]]:
    for what, query in LISTS.items():
        yield _named("jobs", what), [reverse("jobs") + query]
    deep = visible_jobs(user).order_by("id").values_list("id", flat=True)[1000:1001]
    if deep:
        yield "jobs, far back", [f"{reverse('jobs')}?before={deep[0]}"]
    yield from _queries("search", SEARCHES)
    yield from _queries("costs", COSTS)
    today = timezone.now().date()
    year = f"?from={today - timedelta(days=364)}&to={today}"
    yield from _queries("costs", {"a year": year})
    yield from _queries("cost_rows", {**FIGURES, "a year": year})
    yield from _queries("monitoring", {each: f"?range={each}" for each in RANGES})


def _queries(name: str, queries: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    for what, query in queries.items():
        yield _named(name, what), [reverse(name) + query]


def _named(name: str, what: str) -> str:
    return f"{name}, {what}" if what else name


def _jobs(user: User) -> Iterator[tuple[str, list[str]]]:
    plain = visible_jobs(user).filter(array_size__isnull=True)
    yield "job_checkpoint_delete", [reverse("job_checkpoint_delete", args=[failed_job().pk])]
    for status in (JobStatus.RUNNABLE, JobStatus.PENDING, JobStatus.RUNNING, JobStatus.FAILED):
        found = plain.filter(status=status).order_by("-id").values_list("id", flat=True)[:ROWS]
        yield from _of_jobs(f"{status}", list(found))
    arrays = visible_jobs(user).filter(array_size__isnull=False, array_index__isnull=True)
    parents = list(arrays.order_by("-id").values_list("id", flat=True)[:ROWS])
    yield from _of_jobs("array", parents)
    failed = [reverse("job", args=[each]) + "?status=FAILED" for each in parents]
    yield "job, array's failed children", failed
    child = Job.objects.filter(parent__in=parents, status="FAILED").values_list("id", flat=True)
    yield from _of_jobs("child", list(child[:ROWS]))
    ended = list(plain.filter(status="SUCCEEDED").order_by("-id")[:ROWS])
    yield "submit, again", [f"{reverse('submit')}?again={text_of(each.id)}" for each in ended]


def _of_jobs(what: str, found: list[UUID]) -> Iterator[tuple[str, list[str]]]:
    """Each page below a job's own that takes its id alone."""
    for pattern in urls.urlpatterns:
        path, name = str(pattern.pattern), pattern.name or ""
        if not found or name in NOT_MEASURED | {"job_children", "job_checkpoint_delete"}:
            continue
        if path.startswith("jobs/<job:job_id>/") and path.count("<") == 1:
            yield f"{name}, {what}", [reverse(name, args=[each]) for each in found]


def _things() -> Iterator[tuple[str, list[str]]]:
    queues = JobQueue.objects.order_by("id").values_list("name", flat=True)[:ROWS]
    environments = ComputeEnvironment.objects.order_by("id").values_list("name", flat=True)
    for names, argument in (
        (("queue", "queue_edit"), list(queues)),
        (("environment", "environment_edit"), list(environments)),
        (("definition", "right_sizing_of"), ["align-00", "render-00"]),
        (("alarm", "alarm_edit"), ["alarm-00", "alarm-01"]),
        (("instance",), _instances()),
        (("policy", "policy_edit"), ["by-team"]),
        (("consumable",), ["licence-0", "licence-1"]),
        (("budget", "budget_edit"), ["budget-0", "budget-1"]),
        (("instance_type", "instance_type_edit"), [INSTANCE_TYPE]),
    ):
        for name in names:
            yield name, [reverse(name, args=[each]) for each in argument]
    last = [REVISED, REVISIONS]
    yield f"definition, {REVISIONS} revisions", [reverse("definition", args=[REVISED])]
    yield "definition, one of them", [reverse("definition", args=[REVISED, REVISIONS // 2])]
    yield "definition_deregister", [reverse("definition_deregister", args=last)]
    compared = reverse("definition_compare", args=[REVISED])
    yield "definition_compare", [f"{compared}?old=1&new={REVISIONS}"]
    attempt = Attempt.objects.select_related("job__definition").order_by("-id").first()
    if attempt is not None:
        arguments = [attempt.job.definition.name, attempt.pk]
        yield "right_sizing_run", [reverse("right_sizing_run", args=arguments)]


def _instances() -> list[str]:
    """The newest, which run, and the oldest, which have ended."""
    rows = Instance.objects.values_list("instance_id", flat=True)
    return [*rows.order_by("-id")[:ROWS], *rows.order_by("id")[:ROWS]]


def _plain_names() -> list[str]:
    """All pages whose URL takes nothing and that are not named above."""
    names = {pattern.name for pattern in urls.urlpatterns if "<" not in str(pattern.pattern)}
    return sorted(name for name in names - NOT_MEASURED - NAMED | {"submit"} if name)
