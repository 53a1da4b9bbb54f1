"""The list of a definition's jobs: of many revisions, each in several queues, some are read."""

import random
from itertools import count

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.selectors.listing import of_definition as definition_jobs
from jobs.selectors.listing import pages as job_pages
from jobs.selectors.listing.filters import JobFilters
from jobs.selectors.listing.pages import Sort, list_jobs
from tests.builders import a_definition, a_job, a_queue

FILTERS = JobFilters(definition="many", statuses=("FAILED",))


@pytest.mark.parametrize("sort", [Sort.NEWEST, Sort.OLDEST])
@pytest.mark.parametrize(("pairs", "rows", "sifted"), [(2, 4, 3), (3, 3, 50), (4, 40, 8)])
def test_every_page_goes_on_where_the_last_one_ended(
    admin: User, monkeypatch: pytest.MonkeyPatch, sort: Sort, pairs: int, rows: int, sifted: int
) -> None:
    monkeypatch.setattr(definition_jobs, "PAIRS", pairs)
    monkeypatch.setattr(definition_jobs, "ROWS", rows)
    monkeypatch.setattr(job_pages, "SIFTED", sifted)
    queues = [a_queue(), a_queue()]
    revisions = [a_definition(name="many", revision=number) for number in (1, 2, 3)]
    chance = random.Random(5)
    wanted = []
    for _ in range(60):
        # One revision has most of the jobs.
        definition = chance.choice([*revisions, revisions[1], revisions[1], revisions[1]])
        status = chance.choice(["FAILED", "SUCCEEDED", "SUCCEEDED"])
        job = a_job(definition=definition, queue=chance.choice(queues), status=status)
        wanted += [job.pk] if status == "FAILED" else []
    found, after = [], None
    for _ in count():
        page = list_jobs(user=admin, filters=FILTERS, sort=sort, after=after, limit=4)
        found += [job.pk for job in page.jobs]
        after = page.next_after
        if after is None:
            break
    assert found == sorted(wanted, reverse=sort is Sort.NEWEST)


def test_a_page_asks_no_more_for_many_revisions(admin: User) -> None:
    queues = [a_queue(), a_queue()]
    counts = []
    for number in range(1, 41):
        definition = a_definition(name="many", revision=number)
        for queue in queues:
            a_job(definition=definition, queue=queue, status="FAILED")
        if number in {2, 40}:
            with CaptureQueriesContext(connection) as queries:
                assert len(list_jobs(user=admin, filters=FILTERS).jobs) == min(number * 2, 50)
            counts.append(len(queries))
    assert counts[0] == counts[1]
