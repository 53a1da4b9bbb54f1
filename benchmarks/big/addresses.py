"""The pages that are measured, by the name of their URL: each with addresses of several rows of the large database."""

from collections.abc import Iterator
from uuid import UUID

from django.contrib.auth.models import User
from django.urls import NoReverseMatch, reverse

from jobs import urls
from jobs.domain.ids import text_of
from jobs.models import Attempt, BulkAction, ComputeEnvironment, Job, JobQueue, JobStatus
from jobs.selectors.jobs import visible_jobs

from .setting import INSTANCE_TYPE

ROWS = 5
# What answers posts and streams only, or hands out files.
NOT_MEASURED = frozenset(
    {
        "attempt_log", "attempt_log_download", "attempt_log_live", "attempt_log_rows", "docs",
        "job_checkpoint", "job_checkpoint_archive", "job_checkpoint_file", "job_credentials",
        "job_node", "job_cancel", "job_rerun", "jobs_bulk", "live", "login", "logout", "submit_check",
        "submit_fill",
    }
)  # fmt: skip
LISTS = {
    "": "",
    "failed": "?status=FAILED",
    "running": "?status=RUNNING",
    "waiting": "?status=RUNNABLE",
    "of a queue": "?queue=queue-00",
    "failed of a queue": "?queue=queue-00&status=FAILED",
    "of a definition": "?definition=align-00",
    "by name": "?name=run-12",
    "by name, nothing found": "?name=nothing-like-this",
    "of all": "?queue=queue-00&status=FAILED&definition=align-00&name=run-1",
    "200 at once": "?limit=200",
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
    "a year": "?range=365d",
    "by owner": "?by=owner",
    "by definition": "?by=definition",
    "by tag": "?by=tag:project",
}


def addresses(user: User) -> Iterator[tuple[str, list[str]]]:
    """What to call each measurement, and the URLs that take turns in it."""
    yield from _lists(user)
    yield from _jobs(user)
    yield from _things()
    for name in _plain_names():
        yield name, [reverse(name)]
    bulk = BulkAction.objects.filter(owner=user).values_list("pk", flat=True)[:ROWS]
    if bulk:
        yield "bulk", [reverse("bulk", args=[each]) for each in bulk]


def _lists(user: User) -> Iterator[tuple[str, list[str]]]:
    for what, query in LISTS.items():
        yield _named("jobs", what), [reverse("jobs") + query]
    deep = visible_jobs(user).order_by("id").values_list("id", flat=True)[1000:1001]
    if deep:
        yield "jobs, far back", [f"{reverse('jobs')}?before={deep[0]}"]
    yield from _queries("search", SEARCHES)
    yield from _queries("costs", COSTS)
    yield from _queries("monitoring", {each: f"?range={each}" for each in RANGES})
    yield from _queries("series", {each: f"?range={each}" for each in RANGES})


def _queries(name: str, queries: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    try:
        path = reverse(name)
    except NoReverseMatch:
        return
    for what, query in queries.items():
        yield _named(name, what), [path + query]


def _named(name: str, what: str) -> str:
    return f"{name}, {what}" if what else name


def _jobs(user: User) -> Iterator[tuple[str, list[str]]]:
    plain = visible_jobs(user).filter(array_size__isnull=True)
    for status in (JobStatus.RUNNABLE, JobStatus.PENDING, JobStatus.RUNNING, JobStatus.FAILED):
        found = plain.filter(status=status).order_by("-id").values_list("id", flat=True)[:ROWS]
        yield from _of_jobs(f"{status}", list(found))
    arrays = visible_jobs(user).filter(array_size__isnull=False, array_index__isnull=True)
    parents = list(arrays.order_by("-id").values_list("id", flat=True)[:ROWS])
    yield from _of_jobs("array", parents)
    yield "array's children as data", [reverse("job_children", args=[each]) for each in parents]
    child = Job.objects.filter(parent__in=parents, status="FAILED").values_list("id", flat=True)
    yield from _of_jobs("child", list(child[:ROWS]))
    ended = list(plain.filter(status="SUCCEEDED").order_by("-id")[:ROWS])
    yield "submit, again", [f"{reverse('submit')}?again={text_of(each.id)}" for each in ended]


def _of_jobs(what: str, found: list[UUID]) -> Iterator[tuple[str, list[str]]]:
    """Each page below a job's own that takes its id alone."""
    for pattern in urls.urlpatterns:
        path, name = str(pattern.pattern), pattern.name or ""
        if not found or name in NOT_MEASURED | {"job_children"}:
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
        (("policy", "policy_edit"), ["by-team"]),
        (("consumable",), ["licence-0", "licence-1"]),
        (("budget", "budget_edit"), ["budget-0", "budget-1"]),
        (("instance_type",), [INSTANCE_TYPE]),
    ):
        for name in names:
            yield name, [reverse(name, args=[each]) for each in argument]
    attempt = Attempt.objects.select_related("job__definition").order_by("-id").first()
    if attempt is not None:
        arguments = [attempt.job.definition.name, attempt.pk]
        yield "right_sizing_run", [reverse("right_sizing_run", args=arguments)]


def _plain_names() -> list[str]:
    """All pages whose URL takes nothing and that are not named above."""
    names = {pattern.name for pattern in urls.urlpatterns if "<" not in str(pattern.pattern)}
    measured = {"jobs", "search", "costs", "monitoring", "series"}
    return sorted(name for name in names - NOT_MEASURED - measured if name)
