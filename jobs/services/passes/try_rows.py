"""The rows of a try that begins: one for each container, with its room, its GPUs and its price."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings

from jobs.domain.fargate import extra_ephemeral_gib
from jobs.domain.groups import Place, waits_at_first
from jobs.domain.plans import Work, plan_of
from jobs.models import Attempt, Capacity, ComputeEnvironment, Instance, Job, Node
from jobs.models.attempt import DEFAULT_CONTAINER
from jobs.scheduling.plan import Placement
from jobs.scheduling.snapshot import place_of_instance
from jobs.selectors.passes.capacity import kind_of


class Spec(NamedTuple):
    """Of what a job runs, what its rows show."""

    image: str
    container: dict[str, Any]
    ecs_properties: dict[str, Any]
    node_properties: dict[str, Any]


def specs_of(job_ids: Iterable[UUID]) -> dict[UUID, Spec]:
    """By job, those that still exist. One query."""
    rows = Job.objects.filter(id__in=list(job_ids)).values_list(
        "id", "spec__image", "spec__container", "spec__ecs_properties", "spec__node_properties"
    )
    return {job_id: Spec(*rest) for job_id, *rest in rows}


class Places:
    """Where placements put containers: a machine's id, and the instance on it, if it is one."""

    def __init__(self, placements: Iterable[Placement], launched: Mapping[int, Instance]) -> None:
        ids = {
            place_of_instance(id_)
            for placement in placements
            for id_ in placement.node_ids
            if id_ < 0 and id_ not in launched
        }
        rows = Instance.objects.in_bulk(ids) if ids else {}
        self._instances = {
            **{place_of_instance(id_): row for id_, row in rows.items()},
            **launched,
        }

    def node_id(self, place_id: int) -> int:
        instance = self._instances.get(place_id)
        return place_id if instance is None else instance.node_id

    def instance(self, place_id: int) -> Instance | None:
        return self._instances.get(place_id)


class Gpus:
    """Which GPUs of the nodes are free, by their indices; those that live attempts hold are not."""

    def __init__(self, placements: Sequence[Placement], places: Places) -> None:
        self._places = places
        node_ids = {
            places.node_id(node_id)
            for placement in placements
            for node_id, part in zip(placement.node_ids, placement.job.parts, strict=True)
            if part.gpus
        }
        self._free: dict[int, list[int]] = {}
        self._unpromised: Counter[int] = Counter()
        if not node_ids:
            return
        counts = dict(Node.objects.filter(id__in=node_ids).values_list("id", "gpus"))
        held: dict[int, set[int]] = {node_id: set() for node_id in counts}
        rows = Attempt.objects.filter(node__in=node_ids, ended_at__isnull=True).order_by()
        for node_id, gpus in rows.values_list("node_id", "gpus"):
            held[node_id].update(gpus)
        self._free = {
            node_id: [index for index in range(count) if index not in held[node_id]]
            for node_id, count in counts.items()
        }
        self._unpromised.update({node_id: len(free) for node_id, free in self._free.items()})

    def promise(self, placement: Placement) -> bool:
        """Whether its nodes have the GPUs that it needs, beside those promised before; then they are its.

        False where an administrator counted fewer since the plan was made.
        """
        wanted: Counter[int] = Counter()
        for node_id, part in zip(placement.node_ids, placement.job.parts, strict=True):
            wanted[self._places.node_id(node_id)] += part.gpus
        if any(count > self._unpromised[node_id] for node_id, count in wanted.items()):
            return False
        self._unpromised.subtract(wanted)
        return True

    def take(self, node_id: int, count: int) -> list[int]:
        """The lowest free ones."""
        if not count:
            return []
        free = self._free[node_id]
        taken, self._free[node_id] = free[:count], free[count:]
        return taken


def rows_of(
    placement: Placement,
    spec: Spec,
    environment: ComputeEnvironment,
    places: Places,
    gpus: Gpus,
    now: datetime,
) -> Iterator[Attempt]:
    """The try's rows, in the order of its nodes and containers. Its GPUs were promised to it."""
    job, number = placement.job, placement.job.attempts_made + 1
    capacity = Capacity(kind_of(environment).value)
    on_fargate = capacity in (Capacity.FARGATE, Capacity.FARGATE_SPOT)
    extra_gib = extra_ephemeral_gib(spec.ecs_properties or spec.container) if on_fargate else 0

    def row(place_id: int, amount: Any, **fields: Any) -> Attempt:
        node_id = places.node_id(place_id)
        return Attempt(
            job_id=job.id,
            number=number,
            environment=environment,
            node_id=node_id,
            instance=places.instance(place_id),
            capacity=capacity,
            # It is the task's: its first container pays.
            ephemeral_gib=0 if fields.get("container_index") else extra_gib,
            milli_vcpus=amount.milli_vcpus,
            memory_mib=amount.memory_mib,
            gpus=gpus.take(node_id, amount.gpus),
            # The price of a try is the one at its start, whatever the owner changes later.
            usd_per_vcpu_hour=environment.usd_per_vcpu_hour,
            usd_per_gib_hour=environment.usd_per_gib_hour,
            usd_per_ephemeral_gib_hour=settings.BATCHWEB_FARGATE_USD_PER_EPHEMERAL_GIB_HOUR,
            placed_at=now,
            **fields,
        )

    if not spec.ecs_properties and not spec.node_properties:
        yield row(placement.node_id, job.needs, image=spec.image, container_name=DEFAULT_CONTAINER)
        return
    plan = plan_of(
        Work(
            image=spec.image,
            milli_vcpus=job.needs.milli_vcpus,
            memory_mib=job.needs.memory_mib,
            gpus=job.needs.gpus,
            ecs_properties=spec.ecs_properties,
            node_properties=spec.node_properties,
        )
    )
    for node in plan.nodes:
        for index, container in enumerate(node.containers):
            yield row(
                placement.node_ids[node.index],
                container,
                node_index=node.index,
                container_index=index,
                container_name=container.name,
                essential=container.essential,
                image=container.image,
                waits_for_others=waits_at_first(plan, Place(node.index, index)),
            )
