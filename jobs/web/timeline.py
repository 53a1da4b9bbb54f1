"""A job's, or an array's, time as bars: who waited, started and ran when."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from jobs import changes
from jobs.domain import ids, numbers
from jobs.selectors.jobs import find_job

from . import answers
from .access import user_of
from .contexts import timeline as contexts
from .contexts.lazily import lazily
from .job_gone import or_gone


@answers.allow("GET")
@or_gone
def timeline(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The page; of an array `after` is the index of the child to go on behind."""
    user, now = user_of(request), timezone.now()
    job = find_job(user=user, job_id=job_id)
    after = numbers.whole("after", request.GET.get("after", ""), most=ids.MAX_CHILDREN - 1)
    drawn = lazily(lambda: contexts.build(job=job, user=user, now=now, after=after))
    topic = changes.job_topic(job.pk)
    return answers.page(
        request,
        "jobs/timeline.html",
        {
            "job": job,
            "array_id": ids.parent_id(job.pk) if job.parent_id else None,
            # Jobs around it have topics of their own.
            "topics": topic if job.is_array else f"{topic} {changes.JOBS}",
            "drawn": drawn,
        },
        as_json=lambda: contexts.as_json(drawn()),
    )
