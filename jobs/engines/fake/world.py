"""The machine behind a fake engine: its containers, its clock, and what a test may do to it.

Nothing runs by itself. Steps that are due are taken when somebody looks (`settle`), each at its own
time, so a world with a manual clock is deterministic and one with 100,000 containers needs no thread.
No call but a list looks at more than its own container, and whoever follows a log is woken by that
container only: a benchmark measures the house, not this.
"""

import heapq
import threading
import time
from itertools import count

from jobs.domain.names import LABEL_INSTALLATION

from ..base import (
    ContainerPhase,
    ContainerSpec,
    EngineEvent,
    EventKind,
    LogFrame,
    NodeCapacity,
    NoSuchContainer,
)
from .belongings import Belongings
from .container import Container
from .scripts import NS_PER_SECOND, Exit, Output, Script, ScriptWriter, records, run_command

SHELL_IMAGE = "fake/sh"
KILLED_EXIT_CODE = 137
# An engine remembers some past, not all of it; a benchmark's events must not fill the memory.
EVENTS_KEPT = 100_000


class World:
    """Thread-safe: whoever touches it holds `changed`, and hears through it of events.

    `manual` stops the clock: time then moves by `advance` only.
    """

    def __init__(self, *, manual: bool = False) -> None:
        self._lock = threading.RLock()
        self.changed = threading.Condition(self._lock)
        self.nodes = [NodeCapacity("fake-1", 8000, 16 * 1024, "x86_64")]
        self.scripts: dict[str, ScriptWriter] = {SHELL_IMAGE: run_command}
        self.pullable: dict[str, ScriptWriter] = {}
        # Registries that want a login: user names and passwords of each.
        self.accounts: dict[str, dict[str, str]] = {}
        # What was pulled, in order, each with the user name that it was pulled with.
        self.pulls: list[tuple[str, str]] = []
        self.containers: dict[str, Container] = {}
        self.ids_by_name: dict[str, str] = {}
        self.events: list[EngineEvent] = []
        self.events_kept = EVENTS_KEPT
        # How many events are no longer remembered, before the first of `events`.
        self.events_forgotten = 0
        self.belongings = Belongings()
        # Of each node.
        self.gpus = 0
        self.service_address = False
        self.boot_id = "boot-1"
        self.reachable = True
        # Grows when connections break; a stream of an older number has lost its connection.
        self.connections = 0
        self._manual = manual
        self._stopped_at_ns = time.time_ns()
        self._due: list[tuple[int, int, Container]] = []
        self._serial = count(1)
        # Containers whose logs are followed, so that all followers can be woken.
        self._followed: set[Container] = set()

    # --- What a test does -----------------------------------------------------------------

    def stop_clock(self) -> None:
        """From now on time moves by `advance` only."""
        with self.changed:
            self._stopped_at_ns, self._manual = time.time_ns(), True

    def advance(self, seconds: float) -> None:
        """Moves a stopped clock on; all that is due by then happens, each at its own time."""
        with self.changed:
            assert self._manual, "the clock runs by itself: make the world with manual=True"
            self._stopped_at_ns += int(seconds * NS_PER_SECOND)
            self.settle()

    def vanish(self) -> None:
        """The engine cannot be reached any more; its containers go on."""
        with self.changed:
            self.reachable = False
            self.connections += 1
            self.wake_all()

    def come_back(self) -> None:
        with self.changed:
            self.reachable = True

    def restart(self) -> None:
        """Another boot: running containers were killed, and past events are forgotten."""
        with self.changed:
            self.settle()
            for container in self.containers.values():
                if container.phase is ContainerPhase.RUNNING:
                    self._end(container, self.now_ns(), KILLED_EXIT_CODE)
            self.events_forgotten += len(self.events)
            self.events.clear()
            self.boot_id = f"boot-{next(self._serial)}"
            self.reachable = True
            self.connections += 1
            self.wake_all()

    def lose(self, name_or_id: str) -> None:
        """The container is gone, as if its machine had lost it; no event tells."""
        with self.changed:
            container = self.find(name_or_id)
            if container is not None:
                self.forget(container)

    # --- What the engine does (holding `changed`) ------------------------------------------

    def now_ns(self) -> int:
        return self._stopped_at_ns if self._manual else time.time_ns()

    def find(self, name_or_id: str) -> Container | None:
        return self.containers.get(self.ids_by_name.get(name_or_id, name_or_id))

    def get(self, name_or_id: str) -> Container:
        container = self.find(name_or_id)
        if container is None:
            raise NoSuchContainer(f"No such container: {name_or_id}")
        return container

    def add(self, spec: ContainerSpec, installation: str) -> Container:
        labels = {**spec.labels, LABEL_INSTALLATION: installation}
        container = Container(f"{next(self._serial):064x}", spec, labels, installation)
        self.containers[container.id] = container
        self.ids_by_name[spec.name] = container.id
        self.belongings.prepare(spec, installation)
        return container

    def forget(self, container: Container) -> None:
        if self.containers.pop(container.id, None) is None:
            return
        self.ids_by_name.pop(container.spec.name, None)
        if container.phase is ContainerPhase.RUNNING:
            self.belongings.leave(container.spec)
        self.belongings.forget(container.spec)
        container.tell()
        self._followed.discard(container)

    def begin(self, container: Container, script: Script) -> None:
        now_ns = self.now_ns()
        container.address = self.belongings.enter(container.spec, container.installation)
        container.script = script
        container.phase = ContainerPhase.RUNNING
        container.started_ns = now_ns
        container.error, container.exit_code = "", None
        self._tell(container, EventKind.STARTED, now_ns)
        self._plan_next_step(container)
        self.settle()

    def kill(self, container: Container, exit_code: int) -> None:
        self._end(container, self.now_ns(), exit_code)

    def settle(self) -> None:
        """Takes all steps that are due."""
        if not self._due:
            return
        now_ns = self.now_ns()
        while self._due and self._due[0][0] <= now_ns:
            due_ns, _, container = heapq.heappop(self._due)
            step = container.next_step
            # One that was lost does nothing more, and least of all does it end.
            is_there = container.id in self.containers
            if step is not None and is_there and container.phase is ContainerPhase.RUNNING:
                container.taken += 1
                self._take(container, step, due_ns)
                self._plan_next_step(container)

    def wait_for_event(self) -> None:
        """Until something starts or ends, or the next step of any container is due."""
        due_ns = self._due[0][0] if self._due else None
        self.changed.wait(self._seconds_until(due_ns))
        self.settle()

    def wait_for_log(self, container: Container) -> None:
        """Until the container writes or ends, or its next step is due."""
        if container.news is None:
            container.news = threading.Condition(self._lock)
            self._followed.add(container)
        step = container.next_step
        due_ns = container.started_ns + step.after_ns if step else None
        container.news.wait(self._seconds_until(due_ns))
        self.settle()

    def wake_all(self) -> None:
        """Also those who wait for what did not happen: they look again."""
        self.changed.notify_all()
        for container in self._followed:
            container.tell()

    def _seconds_until(self, due_ns: int | None) -> float | None:
        if due_ns is None or self._manual:
            return None
        return max(due_ns - self.now_ns(), 0) / NS_PER_SECOND

    def _plan_next_step(self, container: Container) -> None:
        step = container.next_step
        if step is not None:
            due_ns = container.started_ns + step.after_ns
            heapq.heappush(self._due, (due_ns, next(self._serial), container))

    def _take(self, container: Container, step: Output | Exit, at_ns: int) -> None:
        if isinstance(step, Exit):
            container.oom_killed = step.oom_killed
            self._end(container, at_ns, step.code)
            return
        container.frames += [LogFrame(at_ns, step.source, data) for data in records(step.data)]
        container.tell()

    def _end(self, container: Container, at_ns: int, exit_code: int) -> None:
        container.phase = ContainerPhase.EXITED
        container.exit_code = exit_code
        container.finished_ns = at_ns
        container.address = ""
        self.belongings.leave(container.spec)
        self._tell(container, EventKind.DIED, at_ns)
        container.tell()
        self._followed.discard(container)

    def _tell(self, container: Container, kind: EventKind, at_ns: int) -> None:
        self.events.append(EngineEvent(kind, container.id, container.labels, at_ns))
        if len(self.events) >= 2 * self.events_kept:
            del self.events[: self.events_kept]
            self.events_forgotten += self.events_kept
        self.changed.notify_all()


_worlds: dict[str, World] = {}
_worlds_lock = threading.Lock()


def world(name: str) -> World:
    """The world of that name in this process; made, with a running clock, when first asked for."""
    with _worlds_lock:
        return _worlds.setdefault(name, World())


def forget_world(name: str) -> None:
    """The next `world(name)` is a new one."""
    with _worlds_lock:
        _worlds.pop(name, None)
