from jobs.domain.states import (
    CANCELLABLE,
    LIVE,
    PLACED,
    TERMINAL,
    TRANSITIONS,
    JobStatus,
    is_allowed,
)
from jobs.models import JobStatus as StoredStatus


def test_the_stored_statuses_are_those_of_the_domain() -> None:
    assert set(StoredStatus.values) == set(JobStatus)


def test_nothing_leaves_a_terminal_state() -> None:
    assert all(not TRANSITIONS[status] for status in TERMINAL)


def test_every_live_state_can_fail() -> None:
    assert all(is_allowed(status, JobStatus.FAILED) for status in LIVE)


def test_every_live_state_leads_to_success() -> None:
    reached = {JobStatus.SUCCEEDED}
    for _ in JobStatus:
        reached |= {old for old, news in TRANSITIONS.items() if news & reached}
    assert reached == LIVE | {JobStatus.SUCCEEDED}


def test_only_a_placed_job_goes_back_to_the_queue() -> None:
    back = {old for old in LIVE if is_allowed(old, JobStatus.RUNNABLE)} - CANCELLABLE
    assert back == PLACED
