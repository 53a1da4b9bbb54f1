"""What the RQ workers run: short, idempotent, ids only. `jobs.queueing` knows them by name.

A task takes several ids. One that fails is logged and leaves the others alone; the sweep hands it
over again.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from uuid import UUID

from django.db import close_old_connections
from django.utils import timezone

from jobs.services import checkpoints
from jobs.services.access import audit, registry_checks
from jobs.services.attempts import launch, pulls, reap, stopping
from jobs.services.costs import budgets, pressures, right_sizing, rollup
from jobs.services.metrics import keeping
from jobs.services.requests import bulk
from jobs.services.search import follow as search
from jobs.services.sending import following, outbox, sending
from jobs.services.writing.apart import Apart

Task = Callable[..., None]


def _task(function: Callable[[Sequence[int]], None]) -> Task:
    """A worker lives for days: a connection that the database has dropped must not stay in use."""

    @wraps(function)
    def run(*row_ids: int) -> None:
        close_old_connections()
        try:
            function(row_ids)
        finally:
            close_old_connections()

    return run


def _one_by_one(work: Callable[[int], object], row_ids: Sequence[int]) -> None:
    apart = Apart()
    for row_id in row_ids:
        with apart.each(row_id):
            work(row_id)
    apart.done()


@_task
def launch_attempts(attempt_ids: Sequence[int]) -> None:
    """Starts attempts' containers."""
    launch.launch_attempts(attempt_ids=attempt_ids, now=timezone.now())


@_task
def stop_attempts(attempt_ids: Sequence[int]) -> None:
    """Sends the signals that are due to attempts that were asked to stop."""
    _one_by_one(lambda id_: stopping.stop_attempt(attempt_id=id_, now=timezone.now()), attempt_ids)


@_task
def reap_attempts(attempt_ids: Sequence[int]) -> None:
    """Records how attempts ended, and removes their containers."""
    reap.reap_attempts(attempt_ids=attempt_ids, now=timezone.now())


@_task
def clean_up_attempts(attempt_ids: Sequence[int]) -> None:
    """Removes ended attempts' containers."""
    _one_by_one(lambda id_: reap.clean_up_attempt(attempt_id=id_, now=timezone.now()), attempt_ids)


def tend_checkpoints(*job_ids: UUID) -> None:
    """Measures or removes what jobs keep in their checkpoint directories."""
    close_old_connections()
    try:
        checkpoints.tend_checkpoints(job_ids=job_ids, now=timezone.now())
    finally:
        close_old_connections()


@_task
def pull_image(pull_ids: Sequence[int]) -> None:
    """Pulls an image and lets go on what waits for it."""
    _one_by_one(lambda id_: pulls.pull_image(pull_id=id_), pull_ids)


@_task
def check_registry_logins(login_ids: Sequence[int]) -> None:
    """Tries logins of registries."""
    _one_by_one(lambda id_: registry_checks.check_login(login_id=id_), login_ids)


@_task
def go_on_with_bulk(action_ids: Sequence[int]) -> None:
    """Does the next part of bulk actions."""
    _one_by_one(lambda id_: bulk.go_on_with_bulk(action_id=id_, now=timezone.now()), action_ids)


@_task
def right_size(row_ids: Sequence[int]) -> None:
    """Looks at what definitions' newest runs used."""
    _one_by_one(lambda id_: right_sizing.refresh(row_id=id_, now=timezone.now()), row_ids)


@_task
def add_up_budgets(budget_ids: Sequence[int]) -> None:
    """Adds up what is spent of budgets."""
    budgets.bring_up_to_date(now=timezone.now(), budget_ids=budget_ids)


@_task
def keep_costs(_: Sequence[int]) -> None:
    """Adds up past hours' costs, forgets old prices and audit lines; a long history takes several tasks."""
    now = timezone.now()
    if rollup.add_up_costs(now=now):
        rollup.hand_over_costs()
    else:
        pressures.forget_pressures(now=now)
        audit.forget_old(now=now)


@_task
def index_jobs(_: Sequence[int]) -> None:
    """Writes what jobs are found by, behind the history; a long one takes several tasks."""
    if search.index_history():
        search.hand_over_search()


@_task
def keep_metrics(_: Sequence[int]) -> None:
    """Counts what happened, looks how busy all is, and at alarms; a long history takes several tasks."""
    if keeping.keep_metrics(now=timezone.now()):
        keeping.hand_over_metrics()


@_task
def follow_events(_: Sequence[int]) -> None:
    """Finds what rules send of what happened; a long history takes several tasks."""
    if following.follow_events(now=timezone.now()):
        following.hand_over_events()


@_task
def send_events(_: Sequence[int]) -> None:
    """Sends what is due of all rules; where receivers are slow, the rest is another task's."""
    if sending.send_due():
        outbox.hand_over_sending()
