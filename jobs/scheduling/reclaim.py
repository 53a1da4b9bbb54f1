"""Room for a job that finds none: idle instances end at once, Spot work gives way after its notice."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from jobs.domain.resources import Resources

from .capacity import Capacity
from .plan import EndCause, Interruption
from .snapshot import EnvironmentView, InstanceView, JobView, RunningView, TypeView
from .strategies import tries_others

Victim = InstanceView | RunningView


class Reclaim:
    """Takes room back from instances on which nothing runs, and from Spot work for On-Demand work."""

    def __init__(self, capacity: Capacity, running: Sequence[RunningView]) -> None:
        self._capacity = capacity
        self._room = capacity.room
        self._running = [run for run in running if run.attempt_id and run.kill_at is None]
        self._told: set[int] = set()
        # Idle instances only become fewer: where they were no help they are none later.
        self._in_vain: set[tuple[int, Resources, int]] = set()
        # Few are: most passes have nothing to look at here.
        self._idle = [each for each in capacity.instances.values() if each.is_idle]

    def end_idle_for(self, environment: EnvironmentView, job: JobView) -> bool:
        """Ends idle instances where that lets the job start; whether it did."""
        self._idle = [each for each in self._idle if self._capacity.idle(each)]
        key = (environment.id, job.needs, self._capacity.times_grown)
        if job.gang or not self._idle or key in self._in_vain:
            return False
        for size, type_, hosts in self._wanted(environment, job):
            excess = self._excess(environment, type_) if type_ else 0
            if excess > 0 and environment.id in self._capacity.kept:
                continue
            for node_id in hosts:
                victims = self._idle_victims(environment, node_id, size, excess)
                if victims is not None:
                    why = f"{self._capacity.asked_by(job)} needed its room."
                    for each in victims:
                        self._capacity.end(each, EndCause.ROOM_NEEDED, why)
                    return True
        self._in_vain.add(key)
        return False

    def interrupt_for(self, environment: EnvironmentView, job: JobView) -> None:
        """Interrupts the newest Spot work whose end lets On-Demand work start, unless some is on its way out."""
        if environment.kind.is_spot or job.gang:
            return
        for size, type_, hosts in self._wanted(environment, job):
            if type_ is not None and self._excess(environment, type_) > 0:
                continue
            known = self._room.when_free(hosts, size)
            if known is not None and known[0] <= self._longest_notice():
                return
            chosen = min(
                (
                    victims
                    for node_id in hosts
                    if not self._room.is_reserved(node_id)
                    and (victims := self._spot_victims(node_id, size))
                ),
                key=len,
                default=(),
            )
            for victim in chosen:
                self._give_notice(victim, job)
            if chosen:
                return

    # Inside

    def _excess(self, environment: EnvironmentView, type_: TypeView) -> int:
        """How far one more instance would pass the environment's maximum, in milli-vCPUs."""
        live = self._capacity.live_milli_vcpus[environment.id] + type_.size.milli_vcpus
        return live - (environment.max_milli_vcpus or 0)

    def _wanted(
        self, environment: EnvironmentView, job: JobView
    ) -> Iterator[tuple[Resources, TypeView | None, list[int]]]:
        """How much room on a machine would do: for the job, or for an instance that it would run on."""
        if not environment.kind.has_instances:
            yield job.needs, None, self._room.large_enough(environment, job.needs)
            return
        managed = environment.managed
        assert managed is not None
        for type_ in self._capacity.in_order(environment, job.needs):
            if environment.kind.is_spot and not self._capacity.is_within_bid(environment, type_):
                continue
            yield type_.size, type_, self._capacity.hosts(environment, type_)
            if not tries_others(managed.strategy):
                return

    def _idle_victims(
        self, environment: EnvironmentView, node_id: int, size: Resources, excess: int
    ) -> list[InstanceView] | None:
        """The idle instances whose end leaves `size` on a machine and takes `excess` vCPUs off the environment."""
        if self._room.is_reserved(node_id):
            return None
        victims: list[InstanceView] = []
        free, left = self._room.free[node_id], dict(self._capacity.live_milli_vcpus)
        own_first = sorted(
            self._idle,
            key=lambda each: (each.environment_id != environment.id, each.id),
        )
        for each in own_first:
            is_own = each.environment_id == environment.id
            helps_node = each.node_id == node_id and not size.fits_in(free)
            if not (helps_node or (is_own and excess > 0)) or not self._may_end_now(each, left):
                continue
            victims.append(each)
            left[each.environment_id] -= each.type.size.milli_vcpus
            excess -= each.type.size.milli_vcpus if is_own else 0
            free = free + each.type.size if each.node_id == node_id else free
        return victims if victims and size.fits_in(free) and excess <= 0 else None

    def _may_end_now(self, instance: InstanceView, left: dict[int, int]) -> bool:
        if not self._capacity.idle(instance) or self._room.is_reserved(instance.place_id):
            return False
        environment = self._capacity.environments.get(instance.environment_id)
        if environment is None or environment.managed is None:
            return True
        least = environment.managed.min_milli_vcpus
        return left[environment.id] - instance.type.size.milli_vcpus >= least

    def _spot_victims(self, node_id: int, size: Resources) -> Sequence[Victim]:
        """The newest Spot work on a machine whose end makes that room; nothing if all of it would not do."""
        free = self._room.free[node_id]
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
