"""The same form sent twice: one after the other, at the same moment, and after a kill."""

import threading

import pytest
from django.contrib.auth.models import User
from django.db import connections

from jobs.models import Job, SentForm
from jobs.services.requests.once import Once, once
from jobs.services.requests.rerun import rerun_job
from tests.builders import NOW, a_job, a_user

pytestmark = pytest.mark.django_db(transaction=True)
SENDERS = 4


class Died(BaseException):
    """The process was killed."""


def rerun(owner: User, job: Job) -> Once[Job]:
    return once(
        owner=owner,
        token="t",
        sent=["rerun", str(job.id)],
        make=lambda: rerun_job(owner=owner, job=job, now=NOW),
        find=lambda made: Job.objects.get(id=made),
        now=NOW,
    )


def test_of_several_that_come_at_the_same_moment_one_makes_it_and_all_get_it() -> None:
    job, owner = a_job(status="FAILED"), a_user(is_staff=True)
    got: list[Once[Job]] = []
    together = threading.Barrier(SENDERS)

    def send() -> None:
        try:
            together.wait(30)
            got.append(rerun(owner, job))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    again = Job.objects.get(rerun_of=job)
    assert [each.made.id for each in got] == [again.id] * SENDERS
    assert sorted(each.is_again for each in got) == [False, True, True, True]


def test_who_dies_before_his_end_has_made_nothing_and_used_nothing_up() -> None:
    job, owner = a_job(status="FAILED"), a_user(is_staff=True)

    def die() -> Job:
        rerun_job(owner=owner, job=job, now=NOW)
        raise Died

    with pytest.raises(Died):
        once(
            owner=owner,
            token="t",
            sent=["rerun", str(job.id)],
            make=die,
            find=lambda made: Job.objects.get(id=made),
            now=NOW,
        )
    assert not SentForm.objects.exists()
    assert not Job.objects.filter(rerun_of=job).exists()
    assert not rerun(owner, job).is_again
    assert rerun(owner, job).is_again
