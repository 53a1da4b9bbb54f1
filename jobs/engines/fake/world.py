"""The machine behind a fake engine: its containers, its clock, and what a test may do to it.

Nothing runs by itself. Steps that are due are taken when somebody looks (`settle`), each at its own
time, so a world with a manual clock is deterministic and one with 100,000 containers needs no thread.
"""

import heapq
import threading
import time
from dataclasses import dataclass, field
from itertools import count

from jobs.domain.names import LABEL_INSTALLATION

from ..base import (
    ContainerPhase,
    ContainerSpec,
    ContainerStatus,
    EngineEvent,
    EventKind,
    LogFrame,
    NodeCapacity,
    NoSuchContainer,
)
from .scripts import NS_PER_SECOND, Exit, Output, Script, ScriptWriter, records, run_command

SHELL_IMAGE = "fake/sh"
KILLED_EXIT_CODE = 137


@dataclass
class Container:
    """A fake container. `script` is known once it was started."""

    id: str
    spec: ContainerSpec
    installation: str
    phase: ContainerPhase = ContainerPhase.CREATED
    script: Script = field(default_factory=Script)
    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""
    started_ns: int = 0
    finished_ns: int = 0
    frames: list[LogFrame] = field(default_factory=list)

    @property
    def labels(self) -> dict[str, str]:
        return {**self.spec.labels, LABEL_INSTALLATION: self.installation}

    def status(self) -> ContainerStatus:
        return ContainerStatus(
            id=self.id,
            name=self.spec.name,
            phase=self.phase,
            labels=self.labels,
            exit_code=self.exit_code,
            oom_killed=self.oom_killed,
            error=self.error,
            started_ns=self.started_ns,
            finished_ns=self.finished_ns,
        )


class World:
    """Thread-safe: whoever touches it holds `changed`, and is woken through it.

    `manual` stops the clock: time then moves by `advance` only.
    """

    def __init__(self, *, manual: bool = False) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.nodes = [NodeCapacity("fake-1", 8000, 16 * 1024, "x86_64")]
        self.scripts: dict[str, ScriptWriter] = {SHELL_IMAGE: run_command}
        self.pullable: dict[str, ScriptWriter] = {}
        self.containers: dict[str, Container] = {}
        self.ids_by_name: dict[str, str] = {}
        self.events: list[EngineEvent] = []
        self.boot_id = "boot-1"
        self.reachable = True
        # Grows when connections break; a stream of an older number has lost its connection.
        self.connections = 0
        self._manual = manual
        self._stopped_at_ns = time.time_ns()
        self._due: list[tuple[int, int, str, Output | Exit]] = []
        self._serial = count(1)

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
            self.changed.notify_all()

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
            self.events.clear()
            self.boot_id = f"boot-{next(self._serial)}"
            self.reachable = True
            self.connections += 1
            self.changed.notify_all()

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
        container = Container(f"{next(self._serial):064x}", spec, installation)
        self.containers[container.id] = container
        self.ids_by_name[spec.name] = container.id
        return container

    def forget(self, container: Container) -> None:
        self.containers.pop(container.id, None)
        self.ids_by_name.pop(container.spec.name, None)
        self.changed.notify_all()

    def begin(self, container: Container, script: Script) -> None:
        now_ns = self.now_ns()
        container.script = script
        container.phase = ContainerPhase.RUNNING
        container.started_ns = now_ns
        container.error, container.exit_code = "", None
        self._tell(container, EventKind.STARTED, now_ns)
        for step in script.steps:
            due_ns = now_ns + step.after_ns
            heapq.heappush(self._due, (due_ns, next(self._serial), container.id, step))
        self.settle()

    def kill(self, container: Container, exit_code: int) -> None:
        self._end(container, self.now_ns(), exit_code)

    def settle(self) -> None:
        """Takes all steps that are due."""
        now_ns, taken = self.now_ns(), False
        while self._due and self._due[0][0] <= now_ns:
            due_ns, _, container_id, step = heapq.heappop(self._due)
            container = self.containers.get(container_id)
            if container is not None and container.phase is ContainerPhase.RUNNING:
                self._take(container, step, due_ns)
                taken = True
        if taken:
            self.changed.notify_all()

    def wait(self) -> None:
        """Until something changes, or the next step is due."""
        timeout = None
        if self._due and not self._manual:
            timeout = max(self._due[0][0] - self.now_ns(), 0) / NS_PER_SECOND
        self.changed.wait(timeout)
        self.settle()

    def _take(self, container: Container, step: Output | Exit, at_ns: int) -> None:
        if isinstance(step, Exit):
            container.oom_killed = step.oom_killed
            self._end(container, at_ns, step.code)
            return
        container.frames += [LogFrame(at_ns, step.source, data) for data in records(step.data)]

    def _end(self, container: Container, at_ns: int, exit_code: int) -> None:
        container.phase = ContainerPhase.EXITED
        container.exit_code = exit_code
        container.finished_ns = at_ns
        self._tell(container, EventKind.DIED, at_ns)

    def _tell(self, container: Container, kind: EventKind, at_ns: int) -> None:
        self.events.append(EngineEvent(kind, container.id, container.labels, at_ns))
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
