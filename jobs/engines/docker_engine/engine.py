"""Docker Engine, API 1.41 (20.10) and later. One node: the machine that the daemon runs on."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import requests

from jobs.domain.names import LABEL_INSTALLATION, LABEL_POD

from ..base import (
    AlreadyStarted,
    Belonging,
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
    NameTaken,
    NodeCapacity,
    NoSuchContainer,
    PullProgress,
    RegistryLogin,
    Usage,
    VolumeMount,
)
from ..checks import refuse_impossible
from .boot import boot_id
from .connection import Connection, answer, expect, message
from .containers import (
    address_of,
    donor_of,
    event_from,
    status_from_inspect,
    status_from_list,
    usage_from_stats,
)
from .creation import create_body
from .files import Files
from .filters import as_filters
from .logins import LOGIN_SECONDS, cannot_log_in, cannot_pull, login_body, login_header
from .logs import read_frames
from .networks import Networks
from .pods import Pods
from .pulls import digest_path, follow_pull, read_json, split_reference
from .service_address import ServiceAddress
from .texts import is_command_failure, missing_gpus, refusal, short_start_error
from .times import format_since
from .volumes import Volumes

_BYTES_PER_MIB = 1024 * 1024


class DockerEngine:
    """`jobs.engines.base.Engine` over docker-py. Safe to share between threads and across a fork."""

    def __init__(self, url: str, *, installation: str) -> None:
        self._connection = Connection(url)
        self._installation = installation
        self._networks = Networks(self._connection, installation)
        self._pods = Pods(self._connection, self._networks, installation)
        self._volumes = Volumes(self._connection, installation)
        self._files = Files(self._connection, installation)
        self._service_address = ServiceAddress(self._connection)

    @property
    def closed(self) -> bool:
        return self._connection.closed

    def info(self) -> EngineInfo:
        found = answer(self._connection.call("GET", "/version"))
        return EngineInfo(version=found["Version"], boot_id=boot_id(self._connection))

    def nodes(self) -> list[NodeCapacity]:
        found = answer(self._connection.call("GET", "/info"))
        return [
            NodeCapacity(
                name=found["Name"],
                milli_vcpus=found["NCPU"] * 1000,
                memory_mib=found["MemTotal"] // _BYTES_PER_MIB,
                architecture=found["Architecture"],
            )
        ]

    def has_image(self, image: str) -> bool:
        response = self._connection.call("GET", f"/images/{quote(image, safe='/:@')}/json")
        # Docker answers 404 also where the reference itself is malformed; the pull then says how.
        if response.status_code in {400, 404}:
            return False
        expect(response)
        return True

    def pull(
        self,
        image: str,
        on_progress: Callable[[PullProgress], None],
        login: RegistryLogin | None = None,
    ) -> None:
        name, tag = split_reference(image)
        headers = login_header(self._connection.client(), name, login)
        if "@" in image:
            self._ask_registry(name, tag, headers)
        response, stream = self._connection.stream(
            "POST", "/images/create", params={"fromImage": name, "tag": tag}, headers=headers
        )
        if not response.ok:
            raise cannot_pull(message(response))
        follow_pull(read_json(stream.blocks()), on_progress)

    def _ask_registry(self, name: str, digest: str, headers: Mapping[str, str]) -> None:
        """Whether the registry gives this out: Docker does not ask it for what it holds by that digest itself."""
        response = self._connection.call(
            "GET", digest_path(name, digest), headers=headers, timeout=LOGIN_SECONDS
        )
        if not response.ok:
            raise cannot_pull(message(response))

    def check_login(self, login: RegistryLogin) -> None:
        response = self._connection.call(
            "POST", "/auth", body=login_body(login), timeout=LOGIN_SECONDS
        )
        if not response.ok:
            raise cannot_log_in(message(response))

    def create(self, spec: ContainerSpec) -> str:
        refuse_impossible(spec)
        if spec.pod:
            self._pods.ensure(spec)
        else:
            self._networks.ensure(spec.network)
        self._volumes.ensure(spec)
        if spec.service_address:
            self._service_address.ensure()
        # Docker makes a volume for root alone, and only one above it can be changed before a start.
        open_scratch = bool(spec.scratch) and not self._files.starts_as_root(spec)
        scratch_volume = spec.scratch.rpartition("/")[0] if open_scratch else spec.scratch
        response = self._create(spec, scratch_volume)
        if _network_is_gone(response, spec.network):
            self._networks.mend(spec.network)
            response = self._create(spec, scratch_volume)
        if not response.ok:
            raise _create_failure(response)
        container_id: str = answer(response)["Id"]
        # Who dies here has recorded no container: the next launcher discards it.
        self._files.open_directories(container_id, spec)
        if open_scratch:
            self._files.open_scratch(container_id, spec.scratch)
        return container_id

    def start(self, container_id: str) -> None:
        response = self._start(container_id)
        if not response.ok and self._mended(container_id, response):
            response = self._start(container_id)
        if not response.ok:
            raise _start_failure(response)

    def discard(self, container_id: str) -> None:
        """See the protocol. Docker removes an exited container as readily as a fresh one, so its
        state is read first. A start that slips in between keeps the container (Docker refuses
        to remove what runs); if it also *ended* in between, its result is lost with it, but the
        engine's events still tell, and it is reported as started, so that nobody runs it again.
        """
        found = self.inspect(container_id)
        if found is None:
            return
        if found.phase is not ContainerPhase.CREATED:
            raise AlreadyStarted(f"Container {found.name} was started")
        response = self._connection.call("DELETE", f"/containers/{found.id}", params={"v": "1"})
        if response.status_code == 404:
            return
        if response.status_code == 409 and "already in progress" in message(response):
            # Somebody else's removal of it is under way.
            return
        if response.status_code == 409:
            raise AlreadyStarted(message(response))
        expect(response)
        if self._was_started(found.id, removed_at=response.headers["Date"]):
            raise AlreadyStarted(f"Container {found.name} ran while it was being removed")

    def remove(self, container_id: str) -> None:
        response = self._connection.call(
            "DELETE", f"/containers/{container_id}", params={"v": "1", "force": "1"}
        )
        # 409: somebody else's removal of it is under way.
        if response.status_code not in {404, 409}:
            expect(response)

    def inspect(self, name_or_id: str) -> ContainerStatus | None:
        response = self._connection.call("GET", f"/containers/{name_or_id}/json")
        if response.status_code == 404:
            return None
        found = answer(response)
        status = status_from_inspect(found)
        if status.phase is ContainerPhase.RUNNING and (pod := donor_of(found)):
            return replace(status, address=self._address(pod))
        return status

    def signal(self, container_id: str, name: str) -> bool:
        response = self._connection.call(
            "POST", f"/containers/{container_id}/kill", params={"signal": name}
        )
        # 409: it does not run.
        if response.status_code in {404, 409}:
            return False
        expect(response)
        return True

    def containers(self) -> list[ContainerStatus]:
        response = self._connection.call(
            "GET",
            "/containers/json",
            params={"all": "1", "filters": as_filters(label=[self._label])},
        )
        return [
            status_from_list(found)
            for found in answer(response)
            # Docker has no filter for what a container does not carry.
            if LABEL_POD not in (found.get("Labels") or {})
        ]

    def pods(self) -> list[Belonging]:
        return self._pods.all()

    def volumes(self) -> list[Belonging]:
        return self._volumes.all()

    def networks(self) -> list[Belonging]:
        return self._networks.all()

    def remove_pod(self, name: str) -> None:
        self._pods.remove(name)

    def remove_volume(self, name: str) -> None:
        self._volumes.remove(name)

    def remove_network(self, name: str) -> None:
        self._networks.remove(name)

    def put_file(self, container_id: str, path: str, data: bytes) -> None:
        self._files.put(container_id, path, data)

    def read_files(self, mount: HostMount | VolumeMount, path: str) -> Generator[bytes, None, None]:
        return self._files.read(mount, path)

    def remove_readers(self) -> int:
        return self._files.remove_stale()

    def make_service_address(self) -> None:
        self._service_address.ensure()

    def has_service_address(self) -> bool:
        return self._service_address.exists()

    def events(self, since_ns: int) -> Iterator[EngineEvent]:
        response, stream = self._connection.stream(
            "GET",
            "/events",
            params={
                "since": format_since(since_ns),
                "filters": as_filters(
                    type=["container"], event=["start", "die"], label=[self._label]
                ),
            },
        )
        expect(response)
        found = (event_from(each) for each in read_json(stream.blocks()))
        return (event for event in found if event is not None and LABEL_POD not in event.labels)

    def logs(self, container_id: str, *, since_ns: int, follow: bool) -> Iterator[LogFrame]:
        response, stream = self._connection.stream(
            "GET",
            f"/containers/{container_id}/logs",
            params={
                "stdout": "1",
                "stderr": "1",
                "timestamps": "1",
                "since": format_since(since_ns),
                "follow": "1" if follow else "0",
            },
        )
        if response.status_code in {404, 409}:
            # 409: it is marked for removal.
            raise NoSuchContainer(message(response))
        expect(response)
        return read_frames(stream.blocks())

    def usage(self, container_id: str) -> Usage | None:
        response = self._connection.call(
            "GET",
            f"/containers/{container_id}/stats",
            params={"stream": "0", "one-shot": "1"},
        )
        if response.status_code in {404, 409}:
            return None
        return usage_from_stats(answer(response))

    def close(self) -> None:
        self._connection.close()

    @property
    def _label(self) -> str:
        return f"{LABEL_INSTALLATION}={self._installation}"

    def _create(self, spec: ContainerSpec, scratch_volume: str) -> requests.Response:
        return self._connection.call(
            "POST",
            "/containers/create",
            params={"name": spec.name},
            body=create_body(spec, self._installation, scratch_volume=scratch_volume),
        )

    def _start(self, container_id: str) -> requests.Response:
        return self._connection.call("POST", f"/containers/{container_id}/start")

    def _mended(self, container_id: str, response: requests.Response) -> bool:
        """Whether the start failed for want of its network or its pod, which is there again now.

        Raises EngineUnreachable if its pod cannot come back.
        """
        said = message(response)
        network_is_gone = said.startswith("network ") and (
            "not found" in said or "ambiguous" in said
        )
        if not network_is_gone and response.status_code not in {404, 409}:
            return False
        answered = self._connection.call("GET", f"/containers/{container_id}/json")
        if answered.status_code == 404:
            return False
        found = answer(answered)
        if network_is_gone:
            self._networks.mend(found["HostConfig"]["NetworkMode"])
            return True
        pod = donor_of(found)
        if pod and not self._pods.revive(pod):
            raise EngineUnreachable(f"The pod of {found['Name'].removeprefix('/')} is gone")
        return bool(pod)

    def _address(self, pod: str) -> str:
        response = self._connection.call("GET", f"/containers/{pod}/json")
        return address_of(answer(response)) if response.ok else ""

    def _was_started(self, container_id: str, *, removed_at: str) -> bool:
        """Whether a removed container ever ran, by the events up to its removal.

        `removed_at`: the engine's own time then, as HTTP gives it, in whole seconds.
        """
        response, stream = self._connection.stream(
            "GET",
            "/events",
            params={
                "since": "1",
                # The removal's own event ends it at once; should that be lost, this does.
                "until": str(int(parsedate_to_datetime(removed_at).timestamp()) + 1),
                "filters": as_filters(container=[container_id], event=["start", "destroy"]),
            },
        )
        expect(response)
        told = (each["Action"] for each in read_json(stream.blocks()))
        first = next(told, "destroy")
        stream.close()
        return bool(first == "start")


def _network_is_gone(response: requests.Response, network: str) -> bool:
    return response.status_code == 404 and message(response).startswith(f"network {network}")


def _create_failure(response: requests.Response) -> EngineError:
    said = message(response)
    if response.status_code == 409:
        return NameTaken(said)
    if response.status_code == 404:
        return ImageMissing(said)
    # Docker takes it for its own failure that it cannot read what it was told to mount.
    if response.status_code == 400 or said.startswith("invalid volume specification"):
        return InvalidSpec(said)
    return EngineError(said)


def _start_failure(response: requests.Response) -> EngineError:
    said = message(response)
    if refused := refusal(said):
        return InvalidSpec(refused)
    if no_gpus := missing_gpus(said):
        return EngineError(no_gpus)
    if is_command_failure(said):
        return CannotStart(short_start_error(said))
    if response.status_code in {404, 409}:
        # 409: it is marked for removal, as good as gone.
        return NoSuchContainer(said)
    return EngineError(said)
