"""What the log viewer is drawn from: its URLs, and the other logs of the same job."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from jobs.models import Attempt, Job, JobStatus
from jobs.selectors import jobs as selectors
from jobs.selectors.logs.ends import EndLine, log_ends

from .attempts import CONTAINERS_SHOWN, decider_of, log_arguments, log_url, query_of


@dataclass(frozen=True, slots=True)
class LogChoice:
    """A log that one may switch to."""

    attempt: Attempt
    label: str
    url: str
    is_shown: bool


@dataclass(frozen=True, slots=True)
class LogCard:
    """The viewer of one attempt's log, beside the job's other logs.

    `urls` are of the log, by what they give; `here` is the page that shows it, for permalinks.
    `attempts` is empty for a job of one, `containers` for a try of one; `hidden` is how many are left out.
    """

    attempt: Attempt
    title: str
    urls: dict[str, str]
    attempts: list[LogChoice]
    containers: list[LogChoice]
    hidden: int


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The last lines of a failed job's log; `url` is where the viewer shows it, without the line's `#L12`."""

    url: str
    lines: list[EndLine]

    @property
    def is_stderr(self) -> bool:
        return self.lines[0].is_stderr


def page(attempt: Attempt) -> dict[str, Any]:
    """The context of a log's own page, where its lines stand."""
    job = attempt.job
    attempts = selectors.attempts_of(job)
    return {
        "attempt": attempt,
        "job": job,
        "log_card": card(job, attempts, attempt, is_own_page=True),
    }


def card(
    job: Job, attempts: Sequence[Attempt], shown: Attempt | None, *, is_own_page: bool = False
) -> LogCard | None:
    """The viewer of `shown`'s log. On the job's page the other logs are shown there, else on theirs."""
    if shown is None:
        return None
    tries: dict[int, list[Attempt]] = {}
    for each in attempts:
        tries.setdefault(each.number, []).append(each)
    rows = tries.get(shown.number, [shown])

    def choice(attempt: Attempt, label: str, *, is_shown: bool) -> LogChoice:
        url = log_url(job, attempt) if is_own_page else f"?attempt={query_of(attempt)}"
        return LogChoice(attempt, label, url, is_shown)

    several = list(tries.items()) if len(tries) > 1 else []
    return LogCard(
        attempt=shown,
        title=_title(job, shown, is_one_of_many=len(rows) > 1),
        urls=urls(job, shown, is_own_page=is_own_page),
        attempts=[
            choice(decider_of(job, each), f"Attempt {number}", is_shown=number == shown.number)
            for number, each in several
        ],
        containers=[
            choice(each, container_label(job, each), is_shown=each.pk == shown.pk)
            for each in rows[:CONTAINERS_SHOWN]
            if len(rows) > 1
        ],
        hidden=max(len(rows) - CONTAINERS_SHOWN, 0),
    )


def end_of(job: Job, attempts: Sequence[Attempt], shown: Attempt | None) -> LogEnd | None:
    """What the attempt that decided printed last; None unless the job failed, and where there is nothing to tell.

    `shown` is the attempt whose log the page shows. Two queries at most.
    """
    if job.status != JobStatus.FAILED or not attempts:
        return None
    newest = [each for each in attempts if each.number == attempts[-1].number]
    decider = decider_of(job, newest)
    lines = log_ends([decider.pk]).get(decider.pk)
    is_shown = shown is not None and shown.pk == decider.pk
    return LogEnd("" if is_shown else f"?attempt={query_of(decider)}", lines) if lines else None


def end_as_json(end: LogEnd | None) -> list[dict[str, Any]]:
    """The same for scripts, with the names that the log's own lines have."""
    lines = end.lines if end else []
    return [{"line": each.number, "stream": each.source, "text": each.text} for each in lines]


def urls(job: Job, attempt: Attempt, *, is_own_page: bool = False) -> dict[str, str]:
    """The URLs of an attempt's log, by what they give."""
    arguments = log_arguments(job, attempt)
    own = reverse("attempt_log", args=arguments)
    on_job = f"{reverse('job', args=[job.pk])}?attempt={query_of(attempt)}"
    return {
        "page": own,
        "here": own if is_own_page else on_job,
        **{
            name: reverse(f"attempt_log_{name}", args=arguments)
            for name in ("rows", "search", "live", "download")
        },
    }


def container_label(job: Job, attempt: Attempt) -> str:
    """A container's name, with its node's number where the job has several."""
    node = f"#{attempt.node_index} " if job.node_count > 1 else ""
    return f"{node}{attempt.container_name}"


def _title(job: Job, attempt: Attempt, *, is_one_of_many: bool) -> str:
    title = f"Log of attempt {attempt.number}" if job.attempts_allowed > 1 else "Log"
    return f"{title} · {container_label(job, attempt)}" if is_one_of_many else title
