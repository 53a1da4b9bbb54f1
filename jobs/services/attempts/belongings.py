"""What a try has on its engine beside its containers: pods, volumes, and a network of its own.

What a job keeps in its checkpoint directory belongs to the job and not to a try: it outlasts them all
(`services.checkpoints`). Here it is only handed over to be measured, and removed if nobody knows of it.

They go when the last container that could use them has gone, and an environment's network with the environment.
Whoever dies in between leaves them behind, and `remove_left_over`, part of the supervisor's slow tick, finds
them: it looks at what is there, and not at what should be.
"""

import logging
from collections.abc import Callable, Iterable
from uuid import UUID

from django.conf import settings

from jobs import queueing
from jobs.domain import names
from jobs.domain.names import Try
from jobs.domain.plans import NodePlan
from jobs.engines import base
from jobs.engines.base import EngineError, EngineUnreachable
from jobs.engines.container_options import scratch_volumes
from jobs.models import Attempt, Checkpoint, ComputeEnvironment, EnvironmentStatus
from jobs.selectors.plans import plan_of_job

from .checkpoints import has_own_volume
from .containers import network_of, pod_of, volume_of

logger = logging.getLogger("batchweb.belongings")


def remove_belongings(*, attempt: Attempt, engine: base.Engine) -> None:
    """Removes what no container of the attempt's try needs any more; its own was removed just now.

    `attempt` was read with its job's spec. A plain job has none, and costs nothing here. Raises
    EngineUnreachable.
    """
    if has_own_volume(attempt):
        queueing.enqueue_after_commit(queueing.TEND, [attempt.job_id])
    plan = plan_of_job(attempt.job)
    node = plan.nodes[attempt.node_index]
    volumes = _volumes(node)
    several_nodes = len(plan.nodes) > 1
    if not (volumes or several_nodes or len(node.containers) > 1):
        return
    left = set(
        Attempt.objects.filter(
            job_id=attempt.job_id, number=attempt.number, removed_at__isnull=True
        ).values_list("node_index", flat=True)
    )
    if node.index not in left:
        if len(node.containers) > 1:
            engine.remove_pod(pod_of(attempt))
        for name in volumes:
            _remove(engine.remove_volume, volume_of(attempt, name))
    if several_nodes and not left:
        _remove(engine.remove_network, network_of(attempt))


def remove_left_over(*, engine: base.Engine) -> int:
    """Removes this installation's pods, volumes and networks of tries that are over; how many.

    With them go the networks of environments that were deleted. Raises EngineUnreachable.
    """
    count = 0
    for found, remove in (
        (engine.pods(), engine.remove_pod),
        (engine.volumes(), engine.remove_volume),
        (engine.networks(), engine.remove_network),
    ):
        of_tries = {each.name: its_try for each in found if (its_try := names.try_of(each.name))}
        in_use = _with_containers(set(of_tries.values()))
        for name, its_try in of_tries.items():
            if its_try not in in_use:
                count += _remove(remove, name)
    for name in _of_no_checkpoint(each.name for each in engine.volumes()):
        count += _remove(engine.remove_volume, name)
    count += engine.remove_readers()
    for name in _of_deleted_environments(each.name for each in engine.networks()):
        count += _remove(engine.remove_network, name)
    return count


def _of_no_checkpoint(volumes: Iterable[str]) -> list[str]:
    """Volumes of checkpoints that are not on record: whoever makes one has written its row before."""
    by_name = {name: job_id for name in volumes if (job_id := names.checkpoint_of(name))}
    if not by_name:
        return []
    kept = Checkpoint.objects.filter(job_id__in=set(by_name.values()), removed_at__isnull=True)
    known = set(kept.values_list("job_id", flat=True))
    return [name for name, job_id in by_name.items() if job_id not in known]


def _of_deleted_environments(networks: Iterable[str]) -> list[str]:
    """An environment that is DELETED has had its last job, and gets no other."""
    by_name = {
        names.network_name(settings.BATCHWEB_INSTALLATION, environment_id): environment_id
        for network in networks
        if (environment_id := names.environment_id_of(network)) is not None
    }
    deleted = ComputeEnvironment.with_deleted.filter(
        id__in=by_name.values(), status=EnvironmentStatus.DELETED
    )
    gone = set(deleted.values_list("id", flat=True)) if by_name else set()
    return [name for name, environment_id in by_name.items() if environment_id in gone]


def _volumes(node: NodePlan) -> Iterable[str]:
    return {name for container in node.containers for name in scratch_volumes(container)}


def _remove(remove: Callable[[str], None], name: str) -> bool:
    """Whether it went. What somebody else still uses is left for the next look."""
    try:
        remove(name)
    except EngineUnreachable:
        raise
    except EngineError as error:
        logger.warning("%s not removed, will be tried again: %s", name, error)
        return False
    return True


def _with_containers(tries: set[Try]) -> set[Try]:
    """Those of which a container may still be there."""
    if not tries:
        return set()
    job_ids: set[UUID] = {each.job_id for each in tries}
    rows = Attempt.objects.filter(job_id__in=job_ids, removed_at__isnull=True)
    return {Try(*each) for each in rows.values_list("job_id", "number")}
