"""Workloads on Fargate: jobs get the smallest of its sizes that holds them."""

from jobs.domain.fargate import sizes_holding
from jobs.domain.resources import Resources

from .workload import Workload, a_workload


def size_for(needs: Resources) -> Resources | None:
    """The size with the fewest vCPUs, then the least memory, that holds so much; None where there is none."""
    if needs.gpus:
        return None
    return next(sizes_holding(needs), None)


def on_fargate(workload: Workload) -> tuple[Workload, int]:
    """The jobs that Fargate can run, each with a size that it has; and how many it cannot."""
    sizes = {task.needs: size_for(task.needs) for task in workload.tasks}
    fitting = [
        task._replace(needs=size)
        for task in workload.tasks
        if task.nodes == 1 and (size := sizes[task.needs]) is not None
    ]
    left_out = len(workload.tasks) - len(fitting)
    return (
        a_workload(fitting, queues=workload.queues, starts_at=workload.starts_at),
        left_out,
    )
