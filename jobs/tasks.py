"""What the RQ workers run: short, idempotent, ids only. `jobs.queueing` knows them by name."""

from collections.abc import Callable
from functools import wraps

from django.db import close_old_connections
from django.utils import timezone

from jobs.services import bulk, launch, pulls, reap, stopping

Task = Callable[[int], None]


def _task(function: Task) -> Task:
    """A worker lives for days: a connection that the database has dropped must not stay in use."""

    @wraps(function)
    def run(row_id: int) -> None:
        close_old_connections()
        try:
            function(row_id)
        finally:
            close_old_connections()

    return run


@_task
def launch_attempt(attempt_id: int) -> None:
    """Starts an attempt's container."""
    launch.launch_attempt(attempt_id=attempt_id, now=timezone.now())


@_task
def stop_attempt(attempt_id: int) -> None:
    """Sends the signal that is due to an attempt that was asked to stop."""
    stopping.stop_attempt(attempt_id=attempt_id, now=timezone.now())


@_task
def reap_attempt(attempt_id: int) -> None:
    """Records how an attempt ended, and removes its container."""
    reap.reap_attempt(attempt_id=attempt_id, now=timezone.now())


@_task
def clean_up_attempt(attempt_id: int) -> None:
    """Removes an ended attempt's container."""
    reap.clean_up_attempt(attempt_id=attempt_id, now=timezone.now())


@_task
def pull_image(pull_id: int) -> None:
    """Pulls an image and lets go on what waits for it."""
    pulls.pull_image(pull_id=pull_id)


@_task
def go_on_with_bulk(action_id: int) -> None:
    """Does the next part of a bulk action."""
    bulk.go_on_with_bulk(action_id=action_id, now=timezone.now())
