"""What every engine can do. `tests/engines/contract.py` is the suite that each must pass.

An engine runs containers on its nodes and knows nothing of queues, jobs' states or the database.
All calls are safe to repeat. All times are nanoseconds since the epoch, by the engine's clock.

Why create and start are two calls: whoever creates a container owns its name, and only he who has
recorded the container's id may start it, once. That is what keeps an attempt from running twice
when a launcher dies or stalls between any two steps (see `jobs.services.attempts.launch`).
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from .parts import Device, HostMount, Tmpfs, Ulimit, VolumeMount

__all__ = ["Device", "HostMount", "Tmpfs", "Ulimit", "VolumeMount"]

NANOSECONDS = 1_000_000_000
# The one address beside localhost at which the AWS SDKs fetch credentials without TLS (AWS SDKs and Tools Reference
# Guide, "Container credential provider"). Of every machine that has run a container that asks for it.
SERVICE_ADDRESS = "169.254.170.2"


class EngineError(Exception):
    """An engine refused or failed; `str(error)` is fit to be shown to a user."""


class EngineUnreachable(EngineError):
    """No answer: the engine is down, or this process cannot reach it. Nothing is known; try later."""


class NameTaken(EngineError):
    """A container of that name exists already."""


class ImageMissing(EngineError):
    """The node does not hold the image."""


class InvalidSpec(EngineError):
    """The engine does not accept what is asked for, and never will."""


class CannotPull(EngineError):
    """The image could not be fetched, and trying again at once would not help."""


class PullRefused(CannotPull):
    """The registry does not give the image to whom it was asked for by."""


class LoginRefused(EngineError):
    """The registry does not know this user name with this password."""


class CannotStart(EngineError):
    """The container was made but its command could not be run (not found, not executable, ...)."""


class NoSuchContainer(EngineError):
    """The container is gone, or never was."""


class NoSuchFile(EngineError):
    """There is no file or directory of that path, or a link is on the way to it."""


class AlreadyStarted(EngineError):
    """The container was to be removed unstarted, but it has been started already."""


class ContainerPhase(StrEnum):
    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


class LogSource(StrEnum):
    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """`boot_id` is another one after each restart of the engine; empty where it cannot be told.

    It may also change when another process asks, one that sees the engine in another way (from
    inside a container, over TCP), so it is for one process to compare: the supervisor.
    """

    version: str
    boot_id: str


@dataclass(frozen=True, slots=True)
class NodeCapacity:
    """A machine and all it has (nothing is taken off)."""

    name: str
    milli_vcpus: int
    memory_mib: int
    architecture: str


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """What to run. An empty `command` is the image's own; the image's entry point always stays.

    What is left out is as Docker has it for a container without privileges, but for swap: there is
    none.
    """

    name: str
    image: str
    command: Sequence[str]
    # Secrets are among them: never to be printed.
    environment: Mapping[str, str] = field(repr=False)
    milli_vcpus: int
    memory_mib: int
    network: str
    labels: Mapping[str, str] = field(default_factory=dict)
    pids_limit: int = 4096
    # Host directories that an administrator gives to all: "/host/path:/container/path[:ro]".
    binds: Sequence[str] = ()
    mounts: Sequence[HostMount | VolumeMount] = ()
    # A directory of its own at this path that its user may write to, and that goes with it.
    scratch: str = ""
    # A name or number, with ":group" if need be. Empty: the image's own.
    user: str = ""
    read_only_root: bool = False
    # May do on the node what root may do there.
    privileged: bool = False
    # A small process 1 that hands signals on and reaps orphans.
    init: bool = False
    shm_mib: int | None = None
    tmpfs: Sequence[Tmpfs] = ()
    ulimits: Sequence[Ulimit] = ()
    devices: Sequence[Device] = ()
    # How many GPUs; which ones (numbers or ids of the driver), if the caller has chosen them.
    gpus: int = 0
    gpu_ids: Sequence[str] = ()
    # Swap beside the memory. `swappiness` (0 to 100) counts only where there is some.
    swap_mib: int | None = None
    swappiness: int | None = None
    # "mode" ("blocking", "non-blocking") and "max-buffer-size": how the container waits for its log.
    log_options: Mapping[str, str] = field(default_factory=dict)
    # Further names in its network, which must be one made for jobs.
    aliases: Sequence[str] = ()
    # It must be able to reach its machine at SERVICE_ADDRESS.
    service_address: bool = False
    # All containers of one pod share its place in `network`: address, ports, localhost, aliases (those
    # of whoever comes first). The pod is made when first needed, and kept until `remove_pod`.
    pod: str = ""


@dataclass(frozen=True, slots=True)
class Belonging:
    """A pod, a volume or a network of this installation; `labels` name the job that it is for, if any."""

    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """A container as the engine sees it now. Times are 0 until they are known.

    One whose start failed is still CREATED, with the reason in `error` and an `exit_code`. One that
    ended never finished before it started. `address`: the IPv4 address in its network (in a pod: the
    pod's), while it runs.
    """

    id: str
    name: str
    phase: ContainerPhase
    labels: Mapping[str, str]
    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""
    started_ns: int = 0
    finished_ns: int = 0
    address: str = ""

    @property
    def started_at(self) -> datetime | None:
        return _moment(self.started_ns)

    @property
    def finished_at(self) -> datetime | None:
        return _moment(self.finished_ns)


def _moment(nanoseconds: int) -> datetime | None:
    if not nanoseconds:
        return None
    seconds, rest = divmod(nanoseconds, NANOSECONDS)
    return datetime.fromtimestamp(seconds, tz=UTC) + timedelta(microseconds=rest // 1000)


class EventKind(StrEnum):
    STARTED = "started"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class EngineEvent:
    kind: EventKind
    container_id: str
    labels: Mapping[str, str]
    at_ns: int


@dataclass(frozen=True, slots=True)
class LogFrame:
    """One record of a container's log. `data` ends with a newline unless the line goes on in the next
    frame of the same source (a frame holds at most 16 KiB on Docker). A last line that was written
    without a newline may come with one."""

    at_ns: int
    source: LogSource
    data: bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """`cpu_ns` is CPU time since the container's start; `memory_bytes` is without the page cache."""

    at_ns: int
    cpu_ns: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull is. `bytes_total` grows while layers are discovered; 0: not known."""

    detail: str
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True, slots=True)
class RegistryLogin:
    """Who an engine says it is to a registry (its host, with its port). Only the registry is printed."""

    registry: str
    username: str = field(repr=False)
    password: str = field(repr=False)


class Engine(Protocol):
    """Every call may raise EngineUnreachable, and EngineError where the engine fails by itself; each
    names what else it raises. May be shared between threads."""

    @property
    def closed(self) -> bool: ...

    def info(self) -> EngineInfo: ...

    def nodes(self) -> list[NodeCapacity]: ...

    def has_image(self, image: str) -> bool:
        """False also for what is no image name at all; a pull then says why."""

    def pull(
        self,
        image: str,
        on_progress: Callable[[PullProgress], None],
        login: RegistryLogin | None = None,
    ) -> None:
        """Fetches the image; without a tag that is its `latest`. The registry is asked also if the engine holds
        it. Raises CannotPull with what the registry said, PullRefused if it wants another `login`, or one at all.
        Without one, whatever this machine is logged in with is used. `on_progress` is called about twice a
        second, and once at the end."""

    def check_login(self, login: RegistryLogin) -> None:
        """Tries a login. Raises LoginRefused if the registry refuses it, and EngineError if it cannot be asked."""

    def create(self, spec: ContainerSpec) -> str:
        """Makes the container, and its pod, network, volumes and service address if need be, and gives its id.

        Raises NameTaken, ImageMissing, or InvalidSpec if the engine refuses the spec.
        """

    def start(self, container_id: str) -> None:
        """Starts a created container; one that runs is fine. Raises CannotStart, NoSuchContainer,
        InvalidSpec for what an engine checks only now, and EngineUnreachable if its pod is gone:
        it must then be discarded and created anew.

        Must be called at most once per container id: on some engines a second start of one that has
        exited would run it again.
        """

    def discard(self, container_id: str) -> None:
        """Removes a container that was never started; none is fine.

        Raises AlreadyStarted if it runs, or has ever run. (A start that failed does not count.)
        """

    def remove(self, container_id: str) -> None:
        """Removes a container whatever it does, and its anonymous volumes; none is fine."""

    def inspect(self, name_or_id: str) -> ContainerStatus | None:
        """Any container of the engine, also another installation's; None if there is none."""

    def signal(self, container_id: str, name: str) -> bool:
        """Sends "SIGTERM" or "SIGKILL". Whether it was sent: to one that runs no more it is not."""

    def containers(self) -> list[ContainerStatus]:
        """All containers, of any phase, that carry this installation's label; no pods.

        `exit_code`, `oom_killed`, times and address may be left out: `inspect` has them.
        """

    def pods(self) -> list[Belonging]:
        """This installation's pods."""

    def volumes(self) -> list[Belonging]:
        """This installation's volumes."""

    def networks(self) -> list[Belonging]:
        """This installation's networks, those of environments as well."""

    def remove_pod(self, name: str) -> None:
        """Removes a pod, whatever its containers do; none is fine."""

    def remove_volume(self, name: str) -> None:
        """Removes a volume and what is in it; none is fine. Raises EngineError while a container,
        be it an ended one, has it."""

    def remove_network(self, name: str) -> None:
        """Removes a network; none is fine. Raises EngineError while a container runs on it."""

    def put_file(self, container_id: str, path: str, data: bytes) -> None:
        """A small file in one of the mounts of a container, running or not: there at once and whole, readable by
        all, and instead of what was there. Raises NoSuchContainer, and EngineError if it cannot be."""

    def read_files(self, mount: HostMount | VolumeMount, path: str) -> Generator[bytes, None, None]:
        """What is at `path` of a volume or of a directory of the node (`mount.path` does not matter), with
        all below it: a tar archive in blocks, to be closed by who does not read it to its end.

        `path` is relative, "" is the whole. Links are told and never followed. Whatever runs may change
        it meanwhile, and what is in it is as hostile as what made it: `jobs.engines.archives` reads it. Raises
        NoSuchFile, also where there is no such volume.
        """

    def remove_readers(self) -> int:
        """Removes what `read_files` left behind, where who read died over it hours ago; how many."""

    def make_service_address(self) -> None:
        """Makes sure that its machines have SERVICE_ADDRESS, and that containers reach them there.

        Raises EngineError, with what to do, where something else has the address. It outlasts containers,
        and all installations on the engine share it.
        """

    def has_service_address(self) -> bool: ...

    def events(self, since_ns: int) -> Iterator[EngineEvent]:
        """Events of this installation's containers (not of pods) from `since_ns` on, without end.

        The subscription is in force when this returns: whoever then lists the containers misses
        nothing. Past events are replayed as far as the engine remembers them, which may not be far
        (Docker keeps the last 256 of any kind), so whoever was away must reconcile as well.
        Raises EngineUnreachable when the connection is lost; ends when `close` was called.
        """

    def logs(self, container_id: str, *, since_ns: int, follow: bool) -> Iterator[LogFrame]:
        """The frames from `since_ns` on, in the engine's order; the same on each call but for new ones
        at the end, which need not be newer: the two sources may stand slightly out of order.

        With `follow` it waits for more until the container ends (one that was never started has no
        end to wait for), and may leave out the last frames: Docker 20.10 ends about one follower in
        fifty early when it is busy. What it gives is always a prefix; the rest is had by a call
        without `follow` once the container has ended, and that one is complete: a log that broke
        off raises EngineUnreachable. Raises NoSuchContainer.
        """

    def usage(self, container_id: str) -> Usage | None:
        """One sample; None if the container does not run."""

    def close(self) -> None:
        """Ends all streams of this object, in whatever thread, and refuses further calls."""
