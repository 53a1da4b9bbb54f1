"""Who waits for what: so that a job behind can be told whose turn comes first."""

from collections.abc import Iterable

from jobs.domain.resources import Resources

from .capacity import Capacity
from .room import Room
from .snapshot import EnvironmentView, JobView


class Claims:
    """Machines and environments that an earlier job waits for; the first claim on each counts.

    For capacity of its own an environment with instances waits for these or for machines to launch more on.
    """

    def __init__(self, room: Room, capacity: Capacity) -> None:
        self._room = room
        self._capacity = capacity
        self._nodes: dict[int, tuple[int, JobView]] = {}
        self._environments: dict[int, tuple[int, JobView]] = {}
        self._count = 0

    def claim(
        self, job: JobView, *, node_ids: Iterable[int], environment_ids: Iterable[int]
    ) -> None:
        """The job waits for these, as far as nobody did before."""
        self._count += 1
        for node_id in node_ids:
            self._nodes.setdefault(node_id, (self._count, job))
        for environment_id in environment_ids:
            self._environments.setdefault(environment_id, (self._count, job))

    def is_open(self, environment: EnvironmentView, job: JobView) -> bool:
        """Whether there is a machine for the job that nobody before it waits for."""
        if environment.id in self._environments:
            return False
        if self._room.first_before(environment, job) is not None:
            return False
        return bool(self.unclaimed(environment, job))

    def unclaimed(self, environment: EnvironmentView, job: JobView) -> list[int]:
        """The machines that would hold a node of the job, and that nobody before it waits for."""
        return [id_ for id_ in self._large_enough(environment, job) if id_ not in self._nodes]

    def free(self, environments: Iterable[EnvironmentView], job: JobView) -> dict[str, Resources]:
        """What is free on those machines, by name."""
        node_ids = {id_ for env in environments for id_ in self.unclaimed(env, job)}
        nodes = self._room.nodes
        return {nodes[id_].name: self._room.free[id_] for id_ in sorted(node_ids)}

    def ahead_of(self, environments: Iterable[EnvironmentView], job: JobView) -> JobView:
        """Who waits first for what this job could use. There is one: none of these is open."""
        found: list[tuple[int, JobView]] = []
        for environment in environments:
            if environment.id in self._environments:
                found.append(self._environments[environment.id])
            before = self._room.first_before(environment, job)
            if before is not None:
                found.append((0, before))
            found.extend(
                self._nodes[id_]
                for id_ in self._large_enough(environment, job)
                if id_ in self._nodes
            )
        return min(found, key=lambda claim: (claim[0], claim[1].id))[1]

    def _large_enough(self, environment: EnvironmentView, job: JobView) -> dict[int, None]:
        """In the environment's order, each once."""
        return dict.fromkeys(
            id_
            for part in dict.fromkeys(job.parts)
            for id_ in (
                self._capacity.choice.could_use(environment, part)
                if environment.kind.has_instances
                else self._room.large_enough(environment, part)
            )
        )
