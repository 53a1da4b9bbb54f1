"""Room for a job that finds none: idle instances end at once, Spot work gives way after its notice."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from jobs.domain.resources import Resources

from .capacity import Capacity
from .plan import EndCause, Interruption
from .snapshot import EnvironmentView, InstanceView, JobView, RunningView, TypeView
from .strategies import tries_others
from .timeline import Reservation

Victim = InstanceView | RunningView


class Reclaim:
    """Takes room back from instances on which nothing runs, and from Spot work for On-Demand work."""

    def __init__(self, capacity: Capacity, running: Sequence[RunningView]) -> None:
        self._capacity = capacity
        self._room = capacity.room
        self._running = _tries(running)
        self._told: set[int] = set()
        # Machines on which room is kept for who interrupted Spot work, the newest last.
        self.coming: list[int] = []
        self._kept: list[Reservation] = []
        spot = (each for each in capacity.instances.values() if each.is_spot)
        self._has_spot_work = any(spot) or any(run.attempt_id for run in running)
        # Idle instances only become fewer: where they were no help they are none later.
        self._in_vain: set[tuple[int, Resources, int]] = set()
        # By machine, what would be free of it if all that is idle ended.
        self._most: dict[int, Resources] = {}
        # Few are: most passes have nothing to look at here.
        self._idle = sorted(
            (
                each
                for each in capacity.instances.values()
                if each.is_idle and each.node_id in self._room.nodes
            ),
            key=lambda each: each.id,
        )

    def end_idle_for(self, environment: EnvironmentView, job: JobView) -> bool:
        """Ends idle instances where that lets the job start; whether it did."""
        self._idle = [each for each in self._idle if self._capacity.idle(each)]
        key = (environment.id, job.needs, self._capacity.times_grown)
        if not self._idle or key in self._in_vain:
            return False
        if job.gang:
            return self._end_idle_for_all_nodes(environment, job)
        self._most = self._most_free()
        for size, type_, hosts in self._wanted(environment, job.needs):
            excess = self._excess(environment, type_) if type_ else 0
            if excess > 0 and environment.id in self._capacity.kept:
                continue
            for node_id in hosts:
                victims = self._idle_victims(environment, node_id, type_, size, excess)
                if victims is not None:
                    why = f"{self._capacity.asked_by(job)} needed its room."
                    for each in victims:
                        self._capacity.end(each, EndCause.ROOM_NEEDED, why)
                    return True
        self._in_vain.add(key)
        return False

    def _end_idle_for_all_nodes(self, environment: EnvironmentView, job: JobView) -> bool:
        """Of a job of several nodes: what would help is tried out before anything is ended."""
        lent: list[InstanceView] = []
        helps = False
        for each in self._idle:
            if (
                each.is_open
                and not each.outdated
                and self._may_end_now(
                    each, {}, even_below_minimum=each.is_spot and not environment.kind.is_spot
                )
            ):
                self._capacity.lend(each)
                lent.append(each)
                helps = self._capacity.could_place(environment, job)
                if helps:
                    break
        needed = lent[-1:] if helps else []
        for each in reversed(lent[:-1] if helps else lent):
            self._capacity.take_back(each)
            if helps and not self._capacity.could_place(environment, job):
                self._capacity.lend(each)
                needed.append(each)
        for each in needed:
            self._capacity.take_back(each)
        why = f"{self._capacity.asked_by(job)} needed its room."
        for each in needed:
            self._capacity.end(each, EndCause.ROOM_NEEDED, why)
        return helps

    def interrupt_for(self, environment: EnvironmentView, job: JobView) -> bool:
        """Interrupts the newest Spot work whose end makes room for each node of a job, unless some room is on its way.

        Whether room is coming. On new instances, and for several nodes, it is reserved for the job then.
        """
        if environment.kind.is_spot or not self._has_spot_work:
            return False
        parts = sorted(
            job.parts, key=lambda part: (part.gpus, part.milli_vcpus, part.memory_mib), reverse=True
        )
        self._kept.clear()
        # A job of several nodes needs room for all of them: each one's is kept while the next one's is looked for.
        if all(self._interrupt_for_part(environment, job, part) for part in parts):
            return True
        for reservation in self._kept:
            self._room.forget(reservation)
        self.coming.clear()
        return False

    def _interrupt_for_part(
        self, environment: EnvironmentView, job: JobView, part: Resources
    ) -> bool:
        for size, type_, hosts in self._wanted(environment, part):
            if type_ is not None and self._excess(environment, type_) > 0:
                continue
            if self._keep_what_comes(environment, job, size, hosts):
                return True
            chosen: Sequence[Victim] = min(
                (
                    victims
                    for node_id in hosts
                    if not self._room.is_reserved(node_id, but_for=job)
                    and (victims := self._spot_victims(node_id, size))
                ),
                key=lambda victims: (len(victims), max(self._age(each) for each in victims)),
                default=(),
            )
            for victim in chosen:
                self._give_notice(victim, job)
            if chosen:
                return self._keep_what_comes(environment, job, size, hosts)
        return False

    def _keep_what_comes(
        self, environment: EnvironmentView, job: JobView, size: Resources, hosts: Sequence[int]
    ) -> bool:
        """Reserves the room that is there within a notice, if there is some."""
        known = self._room.when_free(hosts, size)
        if known is None or known[0] > self._longest_notice():
            return False
        start, node_id = known
        if job.gang or environment.kind.has_instances:
            reservation = self._room.reserve_machine(
                job, environment.id, start=start, node_id=node_id, size=size
            )
            self._kept.append(reservation)
        self.coming.append(node_id)
        return True

    # Inside

    def _most_free(self) -> dict[int, Resources]:
        """By machine, what would be free of it if all that is idle ended."""
        most = dict(self._room.free)
        for each in self._idle:
            if each.node_id in most:
                most[each.node_id] = most[each.node_id] + each.type.size
        return most

    def _excess(self, environment: EnvironmentView, type_: TypeView) -> int:
        """How far one more instance would pass the environment's maximum, in milli-vCPUs."""
        live = self._capacity.live_milli_vcpus[environment.id] + type_.size.milli_vcpus
        return live - (environment.max_milli_vcpus or 0)

    def _wanted(
        self, environment: EnvironmentView, needs: Resources
    ) -> Iterator[tuple[Resources, TypeView | None, list[int]]]:
        """How much room on a machine would do: for the job, or for an instance that it would run on."""
        if not environment.kind.has_instances:
            yield needs, None, self._room.large_enough(environment, needs)
            return
        managed = environment.managed
        assert managed is not None
        for type_ in self._capacity.choice.in_order(environment, needs):
            if environment.kind.is_spot and not self._capacity.choice.is_within_bid(
                environment, type_
            ):
                continue
            yield type_.size, type_, self._capacity.choice.hosts(environment, type_)
            if not tries_others(managed.strategy):
                return

    def _idle_victims(
        self,
        environment: EnvironmentView,
        node_id: int,
        type_: TypeView | None,
        size: Resources,
        excess: int,
    ) -> list[InstanceView] | None:
        """The idle instances whose end leaves `size` on a machine and takes `excess` vCPUs off the environment."""
        if not size.fits_in(self._most[node_id]) or self._room.is_reserved(node_id):
            return None
        victims: list[InstanceView] = []
        free = self._room.free[node_id]
        # The instance that takes their place counts for the minimum, too.
        given = {environment.id: type_.size.milli_vcpus if type_ else 0}
        for each in self._candidates(environment, node_id):
            is_own = each.environment_id == environment.id
            helps_node = each.node_id == node_id and not size.fits_in(free)
            if not (helps_node or (is_own and excess > 0)):
                continue
            # On-Demand work has what Spot instances hold, whatever their minimum.
            gives_way = each.is_spot and not environment.kind.is_spot
            if not self._may_end_now(each, given, even_below_minimum=gives_way):
                continue
            victims.append(each)
            gone = each.type.size.milli_vcpus
            given[each.environment_id] = given.get(each.environment_id, 0) - gone
            excess -= gone if is_own else 0
            free = free + each.type.size if each.node_id == node_id else free
        return victims if victims and size.fits_in(free) and excess <= 0 else None

    def _candidates(self, environment: EnvironmentView, node_id: int) -> list[InstanceView]:
        """Idle instances on the machine, or of the environment wherever they are: its own first."""
        own = [each for each in self._idle if each.environment_id == environment.id]
        others = [
            each
            for each in self._idle
            if each.node_id == node_id and each.environment_id != environment.id
        ]
        return own + others

    def _may_end_now(
        self, instance: InstanceView, given: Mapping[int, int], *, even_below_minimum: bool
    ) -> bool:
        """Whether it is idle, and its environment keeps its minimum with what is `given` to it besides."""
        if not self._capacity.idle(instance) or self._room.is_reserved(instance.place_id):
            return False
        environment = self._capacity.environments.get(instance.environment_id)
        if environment is None or environment.managed is None or even_below_minimum:
            return True
        there = self._capacity.live_milli_vcpus[environment.id] + given.get(environment.id, 0)
        left = there - instance.type.size.milli_vcpus
        return left >= environment.managed.min_milli_vcpus

    def _spot_victims(self, node_id: int, size: Resources) -> Sequence[Victim]:
        """The newest Spot work on a machine whose end makes that room; nothing if all of it would not do."""
        free = self._room.unreserved(node_id)
        victims: list[Victim] = []
        for victim in self._newest_spot_work(node_id):
            if size.fits_in(free):
                break
            victims.append(victim)
            amount = victim.type.size if isinstance(victim, InstanceView) else victim.holds
            free = free + amount
        return victims if size.fits_in(free) else ()

    def _newest_spot_work(self, node_id: int) -> list[Victim]:
        capacity = self._capacity
        instances = [
            each
            for each in capacity.instances.values()
            if each.node_id == node_id
            and each.is_spot
            and each.kill_at is None
            and not capacity.is_leaving(each)
            and each.place_id not in capacity.touched
        ]
        runs = [
            run
            for run in self._running
            if run.node_id == node_id and run.attempt_id not in self._told
        ]
        return sorted([*instances, *runs], key=self._age)

    def _age(self, victim: Victim) -> tuple[float, int]:
        """The newest first."""
        if isinstance(victim, InstanceView):
            return (self._capacity.now - victim.launched_at).total_seconds(), -victim.id
        since = victim.started_at or self._capacity.now
        return (self._capacity.now - since).total_seconds(), -victim.attempt_id

    def _give_notice(self, victim: Victim, job: JobView) -> None:
        reason = f"{self._capacity.asked_by(job)} needed its room for On-Demand work."
        if isinstance(victim, InstanceView):
            if self._capacity.idle(victim):
                self._capacity.end(victim, EndCause.INTERRUPTED_FOR_ROOM, reason)
            else:
                self._capacity.interrupt(victim, EndCause.INTERRUPTED_FOR_ROOM, reason)
            return
        self._told.add(victim.attempt_id)
        seconds = self._capacity.notice_seconds(victim.environment_id)
        self._capacity.interruptions.append(
            Interruption(
                victim.attempt_id,
                EndCause.INTERRUPTED_FOR_ROOM,
                reason,
                self._capacity.now + timedelta(seconds=seconds),
            )
        )
        self._capacity.note_leaving(victim.node_id)
        self._capacity.market.remove(victim.node_id, victim.holds, is_spot=True)
        self._room.give_back(victim.node_id, victim.holds, after=max(0.001, seconds))

    def _longest_notice(self) -> float:
        return (
            max((env.notice_seconds for env in self._capacity.environments.values()), default=0)
            + 1.0
        )


def _tries(running: Iterable[RunningView]) -> list[RunningView]:
    """Fargate Spot work that may be interrupted: the containers of a try go together, so they are one."""
    tries: dict[int, RunningView] = {}
    for run in running:
        if run.attempt_id and run.kill_at is None:
            first = tries.get(run.attempt_id)
            holds = run.holds if first is None else first.holds + run.holds
            tries[run.attempt_id] = replace(first or run, holds=holds)
    return list(tries.values())
