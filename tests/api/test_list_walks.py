"""Lists without an index of their own: a page looks at so many jobs, and the next goes on where it stopped."""

from typing import Any

import pytest

from jobs.models import JobStatus
from jobs.selectors.listing import list_jobs as job_lists
from tests.api.asking import ask_all
from tests.api.test_list_jobs import by, names
from tests.builders import a_consumable, a_definition, a_job, a_queue, a_user

pytestmark = pytest.mark.django_db
RUNNING = JobStatus.RUNNING


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"filters": by("JOB_NAME", "wanted")},
        {"filters": by("JOB_DEFINITION", "wanted")},
        {"filters": by("SHARE_IDENTIFIER", "wanted")},
        {"filters": by("AFTER_CREATED_AT", "0")},
    ],
)
@pytest.mark.parametrize("looked_at", [1, 2, 3, 100])
def test_pages_of_one_s_own_jobs_end_where_enough_was_looked_at_and_miss_none(
    params: Any, looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_lists, "LOOKED_AT", looked_at)
    user, queue = a_user(), a_queue()
    wanted = {"status": RUNNING, "owner": user, "share_identifier": "wanted"}
    definition = a_definition(name="wanted")
    for _ in range(2):
        a_job(name="wanted", definition=definition, queue=queue, **wanted)
        for _ in range(3):
            a_job(name="other", owner=user, status=RUNNING)
        a_job(name="wanted", definition=definition, queue=queue, status=RUNNING)
    assert names(user, jobQueue=queue.name, **params) == ["wanted"] * 2


@pytest.mark.parametrize("is_staff", [False, True])
@pytest.mark.parametrize("looked_at", [1, 2, 100])
def test_pages_of_jobs_that_need_a_resource_miss_none(
    is_staff: bool, looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_lists, "LOOKED_AT", looked_at)
    user = a_user(is_staff=is_staff)
    for name in ("rare", "common", "common", "rare", "common"):
        needs = [{"consumableResource": name, "quantity": 1}]
        a_job(name=name, owner=user, has_consumables=True, consumables=needs)
    a_consumable(name="rare")
    found = ask_all(user, "ListJobsByConsumableResource", "jobs", consumableResource="rare")
    assert [each["jobName"] for each in found] == ["rare", "rare"]
