"""The room that is left while a plan is made, now and later; the only thing in a pass that changes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobs.domain.resources import Resources

from .packing import pack
from .snapshot import EnvironmentView, InstanceView, JobView, NodeView, Snapshot
from .timeline import NEVER, Clock, Reservation, Timeline, reserved, tight_moments

# In how many steps the moments are searched at which a job might start.
MAX_MOMENTS = 64


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a job: from `start` on (seconds from now), a node for each of its parts."""

    start: float
    environment_id: int
    node_ids: tuple[int, ...]


class Room:
    """What is free, what comes back when, and what is kept for jobs that wait.

    `places` are, by environment, where its jobs may run: machines, or its own instances on them. The
    maximum of an environment that has instances is theirs to keep (`capacity`), and no limit to its jobs.
    """

    def __init__(self, snapshot: Snapshot, clock: Clock) -> None:
        self.clock = clock
        self.nodes = {node.id: node for node in snapshot.nodes}
        self.free = {node.id: node.capacity - node.used for node in snapshot.nodes}
        self.environments = {env.id: env for env in snapshot.environments}
        self.used_milli_vcpus = {env.id: env.used_milli_vcpus for env in snapshot.environments}
        self.places: dict[int, list[int]] = {
            env.id: [] if env.kind.has_instances else list(env.node_ids)
            for env in snapshot.environments
        }
        # How often what is free of a machine has changed.
        self.machine_changes = 0
        # Nodes that are kept, for as long as it takes, for a job of which nobody knows when it can start.
        self.closed: set[int] = set()
        self._node_lines: dict[int, Timeline] = defaultdict(Timeline)
        self._environment_lines: dict[int, Timeline] = defaultdict(Timeline)
        self._on_node: dict[int, list[Reservation]] = defaultdict(list)
        self._in_environment: dict[int, list[Reservation]] = defaultdict(list)
        self._large_enough: dict[tuple[int, Resources], list[int]] = {}
        for run in snapshot.running:
            end = clock.end_of_run(run)
            self._node_lines[run.node_id].add(end, run.holds)
            # Of these, only vCPUs are ever asked for.
            self._environment_lines[run.environment_id].add(end, run.holds)
        for instance in snapshot.instances:
            self._add_instance(instance)

    # Instances come and go while a plan is made

    def add_place(self, environment_id: int, place: NodeView) -> None:
        """A new instance takes jobs of its environment. Its room of its machine is taken with `hold`."""
        self.nodes[place.id] = place
        self.free[place.id] = place.capacity - place.used
        self.places[environment_id].append(place.id)
        self._large_enough.clear()

    def close_place(self, environment_id: int, place_id: int) -> None:
        """An instance takes no more jobs."""
        self.places[environment_id].remove(place_id)
        self._large_enough.clear()

    def hold(self, node_id: int, size: Resources) -> None:
        """An instance takes this of a machine."""
        self.machine_changes += 1
        self.free[node_id] = self.free[node_id] - size

    def give_back(self, node_id: int, size: Resources, *, after: float = 0.0) -> None:
        """A machine has this again: now, or so many seconds from now."""
        if after <= 0:
            self.machine_changes += 1
            self.free[node_id] = self.free[node_id] + size
        else:
            self._node_lines[node_id].add(after, size)

    def is_reserved(self, place_id: int, *, but_for: JobView | None = None) -> bool:
        """Whether a job that waits (another one than `but_for`) has room kept for it there."""
        return place_id in self.closed or any(
            kept.job is not but_for for kept in self._on_node.get(place_id, ())
        )

    def unreserved(self, node_id: int) -> Resources:
        """What is free of a machine now, after what is kept there from now on."""
        return self.free[node_id] - reserved(self._on_node.get(node_id, ()), node_id, 0.0)

    def _add_instance(self, instance: InstanceView) -> None:
        if instance.node_id not in self.nodes:
            # Its machine is away; nothing can be placed there.
            return
        if instance.is_open and not instance.outdated:
            place = NodeView(instance.place_id, instance.name, instance.type.size, instance.used)
            self.add_place(instance.environment_id, place)
        if instance.kill_at is not None:
            seconds = max(0.001, (instance.kill_at - self.clock.now).total_seconds())
            self.give_back(instance.node_id, instance.type.size, after=seconds)

    # What a job could ever have

    def large_enough(self, environment: EnvironmentView, needs: Resources) -> list[int]:
        """The nodes that would hold so much if nothing else ran on them."""
        key = (environment.id, needs)
        found = self._large_enough.get(key)
        if found is None:
            found = [
                id_
                for id_ in self.places[environment.id]
                if needs.fits_in(self.nodes[id_].capacity)
            ]
            self._large_enough[key] = found
        return found

    def could_hold(self, environment: EnvironmentView, job: JobView) -> bool:
        """Whether the job would fit on these machines if nothing else ran."""
        maximum = _maximum(environment)
        if maximum is not None and job.milli_vcpus > maximum:
            return False
        if not job.gang:
            return bool(self.large_enough(environment, job.needs))
        empty = {id_: self.nodes[id_].capacity for id_ in self.places[environment.id]}
        return pack(job.gang, empty) is not None

    # What it can have now

    def find_now(self, environment: EnvironmentView, job: JobView) -> Slot | None:
        """Where the job can start now without taking what is kept for others."""
        return self._slot_at(environment, job, 0.0)

    def below_maximum(self, environment: EnvironmentView, job: JobView) -> bool:
        """Whether what runs leaves the job enough of the maximum."""
        maximum = _maximum(environment)
        used = self.used_milli_vcpus[environment.id]
        return maximum is None or used + job.milli_vcpus <= maximum

    def first_before(self, environment: EnvironmentView, job: JobView) -> JobView | None:
        """The first job for which the maximum is kept, if it would suffice without that."""
        kept = self._in_environment.get(environment.id)
        if not kept or not self.below_maximum(environment, job):
            return None
        end = self.clock.end_of(job)
        if self._is_maximum_open(environment, job.milli_vcpus, 0.0, end):
            return None
        return kept[0].job

    def take(self, job: JobView, slot: Slot) -> None:
        """The job starts now."""
        end = self.clock.end_of(job)
        for node_id, part in zip(slot.node_ids, job.parts, strict=True):
            self.free[node_id] = self.free[node_id] - part
            self.machine_changes += node_id > 0
            self._node_lines[node_id].add(end, part)
        self.used_milli_vcpus[slot.environment_id] += job.milli_vcpus
        self._environment_lines[slot.environment_id].add(end, Resources(job.milli_vcpus, 0))

    # What it can have later

    def find_later(
        self, environments: Iterable[EnvironmentView], job: JobView, *, after: float = 0.0
    ) -> Slot | None:
        """The earliest place that is known of, not before `after`; None if no end is known that helps."""
        best: Slot | None = None
        for environment in environments:
            slot = self._earliest_in(environment, job, after)
            if slot is not None and (best is None or slot.start < best.start):
                best = slot
        return best

    def reserve(self, job: JobView, slot: Slot) -> None:
        """Keeps a later place for the job."""
        reservation = Reservation(
            job=job,
            start=slot.start,
            end=slot.start + self.clock.end_of(job),
            environment_id=slot.environment_id,
            milli_vcpus=job.milli_vcpus,
            parts=tuple(zip(slot.node_ids, job.parts, strict=True)),
        )
        self._in_environment[slot.environment_id].append(reservation)
        for node_id in dict.fromkeys(slot.node_ids):
            self._on_node[node_id].append(reservation)

    def when_free(self, node_ids: Iterable[int], size: Resources) -> tuple[float, int] | None:
        """When so much is free on one of these machines for good, in seconds from now, and on which.

        None if no end is known that helps.
        """
        best: tuple[float, int] | None = None
        for node_id in node_ids:
            if node_id in self.closed:
                continue
            start = self._node_lines[node_id].first(size, self.free[node_id])
            if start == NEVER or (best is not None and start >= best[0]):
                continue
            if size.fits_in(self._free_throughout(node_id, start, NEVER)):
                best = (start, node_id)
        return best

    def reserve_machine(
        self, job: JobView, environment_id: int, *, start: float, node_id: int, size: Resources
    ) -> Reservation:
        """Keeps room for an instance that is to be launched for the job, or for one of its nodes."""
        reservation = Reservation(job, start, NEVER, environment_id, 0, ((node_id, size),))
        self._on_node[node_id].append(reservation)
        return reservation

    def forget(self, reservation: Reservation) -> None:
        """Gives back what `reserve_machine` kept."""
        for node_id, _ in reservation.parts:
            self._on_node[node_id].remove(reservation)

    def keep(
        self, job: JobView, environments: Sequence[EnvironmentView], node_ids: Iterable[int]
    ) -> None:
        """Keeps nodes, and its part of the environments' maxima, for a job that may start at any time."""
        self.closed.update(node_ids)
        for environment in environments:
            if _maximum(environment) is not None:
                self._in_environment[environment.id].append(
                    Reservation(job, 0.0, NEVER, environment.id, job.milli_vcpus, ())
                )

    # Inside

    def _slot_at(self, environment: EnvironmentView, job: JobView, start: float) -> Slot | None:
        end = start + self.clock.end_of(job)
        if not self._is_maximum_open(environment, job.milli_vcpus, start, end):
            return None
        nodes = self._nodes_for(environment, job, start, end)
        return None if nodes is None else Slot(start, environment.id, nodes)

    def _is_maximum_open(
        self, environment: EnvironmentView, milli_vcpus: int, start: float, end: float
    ) -> bool:
        maximum = _maximum(environment)
        if maximum is None:
            return True
        kept = self._in_environment.get(environment.id, ())
        left = maximum - self.used_milli_vcpus[environment.id] - milli_vcpus
        line = self._environment_lines[environment.id]
        return all(
            left + line.released(moment).milli_vcpus
            >= sum(other.milli_vcpus for other in kept if other.start <= moment < other.end)
            for moment in tight_moments(kept, start, end)
        )

    def _nodes_for(
        self, environment: EnvironmentView, job: JobView, start: float, end: float
    ) -> tuple[int, ...] | None:
        """A node for each part, for the whole time from `start` to `end`.

        Of those that fit, the one with the fewest free GPUs, then the fewest free vCPUs, so that large holes
        stay for large jobs; the smaller id where two are alike.
        """
        if not job.gang:
            candidates = self.large_enough(environment, job.needs)
            node_id = self.best_of(candidates, job.needs, start, end)
            return None if node_id is None else (node_id,)
        free = {
            node_id: self._free_throughout(node_id, start, end)
            for node_id in self.places[environment.id]
            if node_id not in self.closed
        }
        return pack(job.gang, free)

    def best_of(
        self, candidates: Iterable[int], needs: Resources, start: float = 0.0, end: float = NEVER
    ) -> int | None:
        """Of these, where so much is free from `start` to `end` after all that is kept: the fullest."""
        best: tuple[int, int, int] | None = None
        for node_id in candidates:
            free = self.free[node_id] if start <= 0 else self._free_at(node_id, start)
            if not needs.fits_in(free) or node_id in self.closed:
                continue
            key = (free.gpus, free.milli_vcpus, node_id)
            if best is not None and key >= best:
                continue
            if self._on_node.get(node_id) and not needs.fits_in(
                self._free_throughout(node_id, start, end)
            ):
                continue
            best = key
        return None if best is None else best[2]

    def _free_at(self, node_id: int, moment: float) -> Resources:
        """What nothing that runs holds at that moment, whatever is reserved."""
        if moment <= 0:
            return self.free[node_id]
        return self.free[node_id] + self._node_lines[node_id].released(moment)

    def _free_throughout(self, node_id: int, start: float, end: float) -> Resources:
        """The least that is free on a node between two moments, after what is reserved on it."""
        kept = self._on_node.get(node_id)
        least = self._free_at(node_id, start)
        if not kept:
            return least
        for moment in tight_moments(kept, start, end):
            left = self._free_at(node_id, moment) - reserved(kept, node_id, moment)
            least = Resources(
                min(least.milli_vcpus, left.milli_vcpus),
                min(least.memory_mib, left.memory_mib),
                min(least.gpus, left.gpus),
            )
        return least

    def _earliest_in(self, environment: EnvironmentView, job: JobView, after: float) -> Slot | None:
        if not job.gang and _maximum(environment) is None:
            start = self._earliest_on_one(environment, job, after)
            return None if start == NEVER else self._slot_at(environment, job, start)
        earliest = max(after, self._not_before(environment, job))
        if earliest == NEVER:
            return None
        slot = self._slot_at(environment, job, earliest)
        if slot is not None:
            return slot
        moments = [moment for moment in self._changes(environment) if moment > earliest]
        # Of very many, some are tried first, and then those between the last two.
        step = max(1, -(-len(moments) // MAX_MOMENTS))
        for index in range(step - 1, len(moments) + step - 1, step):
            tried = moments[index - step + 1 : index + 1]
            if self._slot_at(environment, job, tried[-1]) is not None:
                slots = (self._slot_at(environment, job, moment) for moment in tried)
                return next(slot for slot in slots if slot is not None)
        return None

    def _earliest_on_one(self, environment: EnvironmentView, job: JobView, after: float) -> float:
        """When a plain job that only places limit can start: each place is looked at by itself."""
        best, length = NEVER, self.clock.end_of(job)
        for node_id in self.large_enough(environment, job.needs):
            line, kept = self._node_lines[node_id], self._on_node.get(node_id)
            start = max(after, line.first(job.needs, self.free[node_id]))
            if start >= best or node_id in self.closed:
                continue
            if not kept:
                best = start
                continue
            changes = {*line.ends(), *(other.end for other in kept)}
            for moment in (start, *sorted(each for each in changes if start < each < best)):
                if job.needs.fits_in(self._free_throughout(node_id, moment, moment + length)):
                    best = moment
                    break
        return best

    def _changes(self, environment: EnvironmentView) -> list[float]:
        """The moments at which something comes back or a reservation ends, in order."""
        moments: set[float] = set(self._environment_lines[environment.id].ends())
        moments.update(other.end for other in self._in_environment.get(environment.id, ()))
        for node_id in self.places[environment.id]:
            moments.update(self._node_lines[node_id].ends())
            moments.update(other.end for other in self._on_node.get(node_id, ()))
        return sorted(moment for moment in moments if moment < NEVER)

    def _not_before(self, environment: EnvironmentView, job: JobView) -> float:
        """A moment before which the job surely does not fit; NEVER if no end is known that helps."""
        earliest = 0.0
        maximum = _maximum(environment)
        if maximum is not None:
            left = Resources(maximum - self.used_milli_vcpus[environment.id], 0)
            line = self._environment_lines[environment.id]
            earliest = line.first(Resources(job.milli_vcpus, 0), left)
        for part in set(job.parts):
            on_nodes = [
                self._node_lines[node_id].first(part, self.free[node_id])
                for node_id in self.large_enough(environment, part)
                if node_id not in self.closed
            ]
            earliest = max(earliest, min(on_nodes, default=NEVER))
        return earliest


def _maximum(environment: EnvironmentView) -> int | None:
    """What limits the jobs of an environment; nothing where it is its instances that are counted."""
    return None if environment.kind.has_instances else environment.max_milli_vcpus
