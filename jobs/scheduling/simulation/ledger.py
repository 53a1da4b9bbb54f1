"""What is counted while a simulation goes on: money, vCPU-seconds, waits, interruptions."""

from bisect import bisect_right
from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from jobs.domain.resources import Resources
from jobs.pricing.cost import seconds_between, usd, usd_per_hour
from jobs.pricing.fargate import fargate_usd
from jobs.pricing.instances import instance_usd
from jobs.pricing.over_time import HourlyPrice

from ..snapshot import Kind
from .fleet import MEASURED, Fleet, Instance, Run
from .outcome import MILLI_SECONDS_PER_VCPU_HOUR, Outcome, spread
from .scenario import Scenario

SECONDS_PER_HOUR = 3600


class Ledger:
    """Priced as real work is, by `jobs.pricing`. Work beside what is simulated costs nothing here."""

    def __init__(self, scenario: Scenario, fleet: Fleet) -> None:
        self._scenario = scenario
        self._fleet = fleet
        self._history: list[tuple[datetime, Decimal]] = []
        self._usd = self._on_demand_usd = Decimal(0)
        self._used = self._lost = self._bought = self._instance_seconds = 0.0
        self._most_milli_vcpus = 0
        self._instances = 0
        self._waits: dict[str, list[float]] = defaultdict(list)
        self._turnarounds: list[float] = []
        self.interruptions = self.done = self.failed = self.passes = 0
        self._last_end = 0.0

    @property
    def over(self) -> int:
        """How many jobs are done or have failed."""
        return self.done + self.failed

    def pressure(self, pressure: Decimal, now: float) -> None:
        """The going Spot price follows this from now on."""
        if not self._history or self._history[-1][1] != pressure:
            self._history.append((self._fleet.moment(now), pressure))

    def passed(self) -> None:
        """A pass was made, and its plan applied."""
        self.passes += 1
        kind = self._scenario.kind
        there = (
            self._fleet.milli_vcpus_of_instances()
            if kind.has_instances
            else self._fleet.used_milli_vcpus(MEASURED)
        )
        self._most_milli_vcpus = max(self._most_milli_vcpus, there)

    def started(self, run: Run) -> None:
        """A job's first try counts its wait."""
        job = run.job
        if job.is_counted and job.first_started is None:
            job.first_started = run.started
            self._waits[job.task.queue].append(run.started - job.task.submitted)

    def stopped(self, run: Run, now: float, *, lost_seconds: float = 0.0) -> None:
        """A try is over; so many of its last seconds were for nothing."""
        if not run.job.is_counted:
            return
        milli_vcpus = run.job.task.milli_vcpus
        self._used += milli_vcpus * (now - run.started)
        self._lost += milli_vcpus * lost_seconds
        self._last_end = max(self._last_end, now)
        if not self._scenario.kind.has_instances:
            self._price_run(run, now)

    def finished(self, run: Run, now: float, *, succeeded: bool) -> None:
        """A job is over."""
        if not run.job.is_counted:
            return
        self.done += succeeded
        self.failed += not succeeded
        self._turnarounds.append(now - run.job.task.submitted)

    def ended(self, instance: Instance, now: float) -> None:
        """An instance is paid for."""
        type_ = instance.launch.type
        price = HourlyPrice(
            type_.usd_per_hour, type_.spot_usd_per_hour if instance.launch.is_spot else None
        )
        launched_at, ended_at = self._fleet.moment(instance.launched), self._fleet.moment(now)
        self._usd += instance_usd(
            price=price,
            history=self._history_of(launched_at, ended_at),
            launched_at=launched_at,
            ended_at=ended_at,
        )
        self._on_demand_usd += instance_usd(
            price=price.on_demand, history=(), launched_at=launched_at, ended_at=ended_at
        )
        self._instances += 1
        self._instance_seconds += now - instance.launched
        self._bought += type_.size.milli_vcpus * (now - instance.launched)

    def outcome(self, *, jobs: int, now: float, why_unfinished: str) -> Outcome:
        """All of it together."""
        seconds = max(self._last_end, 1.0)
        total = self._scenario.total.milli_vcpus * seconds
        return Outcome(
            name=self._scenario.name,
            jobs=jobs,
            done=self.done,
            failed=self.failed,
            unfinished=jobs - self.over,
            why_unfinished=why_unfinished,
            waits=spread([wait for waits in self._waits.values() for wait in waits]),
            turnarounds=spread(self._turnarounds),
            usd=self._usd,
            on_demand_usd=self._on_demand_usd,
            interruptions=self.interruptions,
            lost_vcpu_hours=self._lost / MILLI_SECONDS_PER_VCPU_HOUR,
            instances=self._instances,
            instance_hours=self._instance_seconds / SECONDS_PER_HOUR,
            idle_share=1 - self._used / self._bought if self._bought else 0.0,
            use=self._used / total,
            most_vcpus=self._most_milli_vcpus / 1000,
            simulated_seconds=now,
            passes=self.passes,
            waits_by_queue=tuple(
                (queue, spread(waits)) for queue, waits in sorted(self._waits.items())
            ),
        )

    def _history_of(self, start: datetime, end: datetime) -> list[tuple[datetime, Decimal]]:
        """The steps that count between two moments: all of a week, for each run, would take most of the time."""
        first = bisect_right(self._history, start, key=lambda step: step[0]) - 1
        behind = bisect_right(self._history, end, key=lambda step: step[0])
        return self._history[max(first, 0) : behind]

    def _price_run(self, run: Run, now: float) -> None:
        start, end = self._fleet.moment(run.started), self._fleet.moment(now)
        nodes = run.job.task.nodes
        on_demand = self._on_demand_of(run.job.task.needs, start, end) * nodes
        self._on_demand_usd += on_demand
        if self._scenario.kind is Kind.FARGATE_SPOT:
            hourly = self._hourly(run.job.task.needs)
            history = self._history_of(start, end)
            price = fargate_usd(hourly=hourly, start=start, end=end, spot_history=history)
            self._usd += price * nodes
        else:
            self._usd += on_demand

    def _on_demand_of(self, needs: Resources, start: datetime, end: datetime) -> Decimal:
        return usd(
            milli_vcpus=needs.milli_vcpus,
            memory_mib=needs.memory_mib,
            seconds=seconds_between(start, end),
            rates=self._scenario.rates,
        )

    def _hourly(self, needs: Resources) -> Decimal:
        return usd_per_hour(
            milli_vcpus=needs.milli_vcpus,
            memory_mib=needs.memory_mib,
            rates=self._scenario.rates,
        )
