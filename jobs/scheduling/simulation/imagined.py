"""A job while it is simulated: what the scheduler sees of it, and what it has come through."""

from dataclasses import dataclass, field
from uuid import UUID

from ..snapshot import JobView
from .workload import Task


@dataclass(slots=True, eq=False)
class ImaginedJob:
    """`number` is its place in the order of submission. `is_counted`: not one that only takes room from others."""

    number: int
    task: Task
    queue_id: int
    left_seconds: float
    is_counted: bool = True
    attempts_made: int = 0
    first_started: float | None = None
    _view: JobView | None = field(default=None, repr=False)

    def view(self, estimate_seconds: float | None) -> JobView:
        """As the scheduler sees it while it waits."""
        view = self._view
        if (
            view is None
            or view.estimate_seconds != estimate_seconds
            or view.attempts_made != self.attempts_made
        ):
            view = self._view = self._make_view(estimate_seconds)
        return view

    def lose(self, seconds: float, checkpoint_seconds: float | None) -> float:
        """A try was cut off after so long; how much of that was for nothing.

        Work is saved each time that another `checkpoint_seconds` of it are done; None: never.
        """
        if checkpoint_seconds is None:
            return seconds
        done = self.task.run_seconds - self.left_seconds
        saved = (done + seconds) // checkpoint_seconds * checkpoint_seconds
        self.left_seconds = self.task.run_seconds - max(saved, done)
        return done + seconds - max(saved, done)

    def _make_view(self, estimate_seconds: float | None) -> JobView:
        task = self.task
        return JobView(
            # Ids grow with time; no id is zero.
            id=UUID(int=self.number + 1),
            queue_id=self.queue_id,
            needs=task.needs,
            attempts_made=self.attempts_made,
            gang=(task.needs,) * task.nodes if task.nodes > 1 else (),
            limit_seconds=task.limit_seconds,
            estimate_seconds=estimate_seconds,
            share_identifier=task.share,
            scheduling_priority=task.scheduling_priority,
        )


def number_of(id_: UUID) -> int:
    """The number of the job with this id."""
    return id_.int - 1
