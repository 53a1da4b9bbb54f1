"""The pods, volumes and networks of a fake world, and who holds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from jobs.domain.names import LABEL_INSTALLATION, LABEL_JOB, LABEL_POD, try_of

from ..base import Belonging, ContainerSpec, EngineError, EngineUnreachable
from ..checks import PREDEFINED_NETWORKS, volumes_of
from .files import Files

_WITHOUT_ADDRESSES = frozenset({"none", "host"})


@dataclass(eq=False)
class Held:
    """`holders` counts the containers (and pods) that stand in the way of its removal."""

    labels: Mapping[str, str]
    holders: int = 0
    # Of pods only.
    network: str = ""
    address: str = ""


class Belongings:
    """Each by its name. Counted, not searched: no call looks at all containers."""

    def __init__(self) -> None:
        self.pods: dict[str, Held] = {}
        self.volumes: dict[str, Held] = {}
        self.networks: dict[str, Held] = {}
        self.files = Files()
        self._hosts = count(2)

    def prepare(self, spec: ContainerSpec, installation: str) -> None:
        """A container of `spec` was created: what it needs is there, and its volumes are held."""
        labels = {LABEL_INSTALLATION: installation}
        for_job = {LABEL_JOB: spec.labels[LABEL_JOB]} if LABEL_JOB in spec.labels else {}
        self._prepare_network(spec.network, labels)
        if spec.pod and spec.pod not in self.pods:
            self.pods[spec.pod] = Held({**labels, **for_job, LABEL_POD: spec.pod})
            self.pods[spec.pod].network = spec.network
            self.pods[spec.pod].address = self._join(spec.network)
        for name in volumes_of(spec):
            self.volumes.setdefault(name, Held({**labels, **for_job})).holders += 1
        self.files.prepare(spec)

    def forget(self, spec: ContainerSpec) -> None:
        """A container of `spec` was removed."""
        for name in volumes_of(spec):
            if name in self.volumes:
                self.volumes[name].holders -= 1

    def enter(self, spec: ContainerSpec, installation: str) -> str:
        """A container of `spec` starts: its address. Raises EngineUnreachable if its pod is gone."""
        if spec.pod:
            if spec.pod not in self.pods:
                raise EngineUnreachable(f"The pod of {spec.name} is gone")
            return self.pods[spec.pod].address
        self._prepare_network(spec.network, {LABEL_INSTALLATION: installation})
        return self._join(spec.network)

    def leave(self, spec: ContainerSpec) -> None:
        """A container of `spec` ended."""
        if not spec.pod:
            self._part(spec.network)

    def remove_pod(self, name: str) -> None:
        pod = self.pods.pop(name, None)
        if pod is not None:
            self._part(pod.network)

    def remove_volume(self, name: str) -> None:
        held = self.volumes.get(name)
        if held is not None and held.holders:
            raise EngineError(f"remove {name}: volume is in use by {held.holders} containers")
        self.volumes.pop(name, None)
        self.files.forget(name)

    def remove_network(self, name: str) -> None:
        held = self.networks.get(name)
        if held is not None and held.holders:
            raise EngineError(f"error while removing network: network {name} has active endpoints")
        self.networks.pop(name, None)

    def _prepare_network(self, name: str, labels: Mapping[str, str]) -> None:
        if name in PREDEFINED_NETWORKS or name in self.networks:
            return
        its_try = try_of(name)
        for_job = {LABEL_JOB: str(its_try.job_id)} if its_try else {}
        self.networks[name] = Held({**labels, **for_job})

    def _join(self, network: str) -> str:
        if network in self.networks:
            self.networks[network].holders += 1
        if network in _WITHOUT_ADDRESSES:
            return ""
        number = next(self._hosts)
        return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"

    def _part(self, network: str) -> None:
        if network in self.networks:
            self.networks[network].holders -= 1


def of_installation(held: Mapping[str, Held], installation: str) -> list[Belonging]:
    """Those that carry the installation's label."""
    return [
        Belonging(name, each.labels)
        for name, each in held.items()
        if each.labels[LABEL_INSTALLATION] == installation
    ]
