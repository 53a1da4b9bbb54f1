"""The engine protocol over a fake world. For tests and benchmarks only."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain

from jobs.domain.names import LABEL_INSTALLATION
from jobs.domain.registries import registry_of, repository_of

from ..base import (
    AlreadyStarted,
    Belonging,
    CannotPull,
    CannotStart,
    ContainerPhase,
    ContainerSpec,
    ContainerStatus,
    EngineError,
    EngineEvent,
    EngineInfo,
    EngineUnreachable,
    HostMount,
    ImageMissing,
    InvalidSpec,
    LogFrame,
    LoginRefused,
    NameTaken,
    NodeCapacity,
    PullProgress,
    PullRefused,
    RegistryLogin,
    Usage,
    VolumeMount,
)
from ..checks import refuse_impossible
from .belongings import of_installation
from .container import Container
from .scripts import NS_PER_SECOND
from .world import World, world

_NOT_FOUND_EXIT_CODE = 127
_SIGNAL_EXIT_CODES = {"SIGTERM": 143, "SIGKILL": 137}
_SCHEME = "fake://"


class FakeEngine:
    """For tests and benchmarks only: speaks to the world that "fake://name" names."""

    def __init__(self, url: str, *, installation: str, here: World | None = None) -> None:
        if url and not url.startswith(_SCHEME):
            raise EngineError(f"{url!r} is no address of a fake engine: use fake://name")
        self.world: World = here or world(url.removeprefix(_SCHEME))
        self.closed = False
        self._installation = installation

    def info(self) -> EngineInfo:
        with self._open() as here:
            return EngineInfo(version="fake", boot_id=here.boot_id)

    def nodes(self) -> list[NodeCapacity]:
        with self._open() as here:
            return list(here.nodes)

    def has_image(self, image: str) -> bool:
        with self._open() as here:
            return image in here.scripts

    def pull(
        self,
        image: str,
        on_progress: Callable[[PullProgress], None],
        login: RegistryLogin | None = None,
    ) -> None:
        with self._open() as here:
            accounts = here.accounts.get(registry_of(repository_of(image)))
            if accounts is not None and not _is_known(login, accounts):
                raise PullRefused("no basic auth credentials" if login is None else "unauthorized")
            if image not in here.pullable:
                raise CannotPull(f"manifest for {image} not found")
            here.pulls.append((image, login.username if login else ""))
            here.scripts[image] = here.pullable[image]
        on_progress(PullProgress("Downloading: 1 of 1 layers ready", 1, 1))

    def check_login(self, login: RegistryLogin) -> None:
        with self._open() as here:
            accounts = here.accounts.get(login.registry)
        if accounts is None:
            raise EngineError(f"dial tcp: lookup {login.registry}: no such host")
        if not _is_known(login, accounts):
            raise LoginRefused("login attempt failed with status: 401 Unauthorized")

    def create(self, spec: ContainerSpec) -> str:
        refuse_impossible(spec)
        with self._open() as here:
            if here.find(spec.name) is not None:
                raise NameTaken(f"The name {spec.name} is in use")
            if spec.image not in here.scripts:
                raise ImageMissing(f"No such image: {spec.image}")
            most = max(node.milli_vcpus for node in here.nodes)
            if spec.milli_vcpus > most:
                raise InvalidSpec(f"No node has more than {most / 1000} CPUs")
            here.service_address |= spec.service_address
            return here.add(spec, self._installation).id

    def start(self, container_id: str) -> None:
        with self._open() as here:
            container = here.get(container_id)
            if container.phase is ContainerPhase.RUNNING:
                return
            if container.phase is ContainerPhase.EXITED:
                raise AlreadyStarted(f"{container.spec.name} has run already")
            if container.spec.gpus > here.gpus:
                raise EngineError(
                    f"The job needs GPUs, and this machine has {here.gpus}. Set the node's GPUs to that."
                )
            try:
                script = here.scripts[container.spec.image](container.spec)
            except CannotStart as error:
                container.error, container.exit_code = str(error), _NOT_FOUND_EXIT_CODE
                raise
            here.begin(container, script)

    def discard(self, container_id: str) -> None:
        with self._open() as here:
            container = here.find(container_id)
            if container is None:
                return
            if container.phase is not ContainerPhase.CREATED:
                raise AlreadyStarted(f"{container.spec.name} was started")
            here.forget(container)

    def remove(self, container_id: str) -> None:
        with self._open() as here:
            container = here.find(container_id)
            if container is None:
                return
            if container.phase is ContainerPhase.RUNNING:
                here.kill(container, _SIGNAL_EXIT_CODES["SIGKILL"])
            here.forget(container)

    def inspect(self, name_or_id: str) -> ContainerStatus | None:
        with self._open() as here:
            container = here.find(name_or_id)
            return container.status() if container else None

    def signal(self, container_id: str, name: str) -> bool:
        with self._open() as here:
            container = here.find(container_id)
            if container is None or container.phase is not ContainerPhase.RUNNING:
                return False
            if name == "SIGKILL" or container.script.heeds_sigterm:
                here.kill(container, _SIGNAL_EXIT_CODES[name])
            return True

    def containers(self) -> list[ContainerStatus]:
        with self._open() as here:
            return [
                container.status()
                for container in here.containers.values()
                if container.installation == self._installation
            ]

    def pods(self) -> list[Belonging]:
        with self._open() as here:
            return of_installation(here.belongings.pods, self._installation)

    def volumes(self) -> list[Belonging]:
        with self._open() as here:
            return of_installation(here.belongings.volumes, self._installation)

    def networks(self) -> list[Belonging]:
        with self._open() as here:
            return of_installation(here.belongings.networks, self._installation)

    def remove_pod(self, name: str) -> None:
        with self._open() as here:
            here.belongings.remove_pod(name)

    def remove_volume(self, name: str) -> None:
        with self._open() as here:
            here.belongings.remove_volume(name)

    def remove_network(self, name: str) -> None:
        with self._open() as here:
            here.belongings.remove_network(name)

    def put_file(self, container_id: str, path: str, data: bytes) -> None:
        with self._open() as here:
            container = here.get(container_id)
            modified_at = here.now_ns() / NS_PER_SECOND
            here.belongings.files.put(container.spec, path, data, modified_at)

    def read_files(self, mount: HostMount | VolumeMount, path: str) -> Generator[bytes, None, None]:
        blocks = self.read_archive(mount, path)
        return (block for block in blocks)

    def read_archive(self, mount: HostMount | VolumeMount, path: str) -> list[bytes]:
        """`read_files`, all of it at once."""
        with self._open() as here:
            return here.belongings.files.archive(mount, path)

    def remove_readers(self) -> int:
        with self._open():
            return 0

    def make_service_address(self) -> None:
        with self._open() as here:
            here.service_address = True

    def has_service_address(self) -> bool:
        with self._open() as here:
            return here.service_address

    def events(self, since_ns: int) -> Iterator[EngineEvent]:
        return chain.from_iterable(self.event_batches(since_ns))

    def event_batches(self, since_ns: int) -> Iterator[list[EngineEvent]]:
        """`events`, with those that come at once in one list."""
        with self._open() as here:
            connection = here.connections
        return self._follow_events(since_ns, connection)

    def logs(self, container_id: str, *, since_ns: int, follow: bool) -> Iterator[LogFrame]:
        return chain.from_iterable(self.log_batches(container_id, since_ns=since_ns, follow=follow))

    def log_batches(
        self, container_id: str, *, since_ns: int, follow: bool
    ) -> Iterator[list[LogFrame]]:
        """`logs`, with the frames that come at once in one list."""
        with self._open() as here:
            here.get(container_id)
            connection = here.connections
        return self._follow_logs(container_id, since_ns, follow, connection)

    def usage(self, container_id: str) -> Usage | None:
        with self._open() as here:
            container = here.find(container_id)
            if container is None or container.phase is not ContainerPhase.RUNNING:
                return None
            now_ns = here.now_ns()
            ran_ns = now_ns - container.started_ns
            return Usage(
                at_ns=now_ns,
                cpu_ns=ran_ns * container.spec.milli_vcpus // 1000,
                memory_bytes=container.spec.memory_mib * 1024 * 1024 // 4,
            )

    def close(self) -> None:
        with self.world.changed:
            self.closed = True
            self.world.wake_all()

    @contextmanager
    def _open(self) -> Iterator[World]:
        """The world, held, with all that is due done; raises if it cannot be reached."""
        with self.world.changed:
            if self.closed:
                raise EngineUnreachable("The connection to the fake engine was closed")
            if not self.world.reachable:
                raise EngineUnreachable("The fake engine does not answer: it vanished")
            self.world.settle()
            yield self.world

    def _connected(self, connection: int) -> bool:
        """Whether a stream goes on; False after `close`. Raises if its connection broke."""
        if self.closed:
            return False
        if self.world.connections != connection:
            raise EngineUnreachable("The fake engine broke off: the connection ended")
        return True

    def _follow_events(self, since_ns: int, connection: int) -> Iterator[list[EngineEvent]]:
        seen, here = 0, self.world
        while True:
            with here.changed:
                here.settle()
                while self._connected(connection) and seen == _told(here):
                    here.wait_for_event()
                if self.closed:
                    return
                news = here.events[max(seen - here.events_forgotten, 0) :]
                seen = _told(here)
            ours = [
                event
                for event in news
                if event.at_ns >= since_ns
                and event.labels[LABEL_INSTALLATION] == self._installation
            ]
            if ours:
                yield ours

    def _follow_logs(
        self, container_id: str, since_ns: int, follow: bool, connection: int
    ) -> Iterator[list[LogFrame]]:
        at, here = 0, self.world
        while True:
            with here.changed:
                here.settle()
                container = here.find(container_id)
                while follow and self._connected(connection) and _is_quiet(container, at):
                    assert container is not None
                    here.wait_for_log(container)
                    container = here.find(container_id)
                if self.closed or container is None:
                    return
                news, at = container.frames[at:], len(container.frames)
                done = not follow or container.phase is not ContainerPhase.RUNNING
            yield [frame for frame in news if frame.at_ns >= since_ns]
            if done:
                return


def _told(here: World) -> int:
    """How many events there ever were."""
    return here.events_forgotten + len(here.events)


def _is_quiet(container: Container | None, at: int) -> bool:
    """Whether it runs and has written nothing after its first `at` records."""
    return (
        container is not None
        and container.phase is ContainerPhase.RUNNING
        and at == len(container.frames)
    )


def _is_known(login: RegistryLogin | None, accounts: Mapping[str, str]) -> bool:
    return login is not None and accounts.get(login.username) == login.password
