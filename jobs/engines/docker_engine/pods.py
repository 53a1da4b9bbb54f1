"""Pods: the network of several containers, held by one that does nothing (`pause`)."""

from email.utils import parsedate_to_datetime

import requests

from jobs.domain.names import LABEL_INSTALLATION, LABEL_JOB, LABEL_POD, LABEL_READER

from ..base import Belonging, ContainerSpec, EngineError, EngineUnreachable, InvalidSpec
from .connection import Connection, answer, expect, message
from .creation import networking
from .filters import as_filters
from .networks import Networks
from .pause import PAUSE_IMAGE, import_pause
from .pulls import read_json

# Far more than making a container takes.
_CREATION_SECONDS = 10


class Pods:
    """The engine's pods of this installation."""

    def __init__(self, connection: Connection, networks: Networks, installation: str) -> None:
        self._connection = connection
        self._networks = networks
        self._installation = installation

    def ensure(self, spec: ContainerSpec) -> None:
        """Makes sure that the pod of `spec` runs, whoever made it. Raises InvalidSpec."""
        # One that runs answers to this; then nothing is to be made.
        response = self._start(spec.pod)
        if response.status_code == 404:
            self._make(spec)
            response = self._start(spec.pod)
        if not response.ok and message(response).startswith("network "):
            self._networks.mend(spec.network)
            response = self._start(spec.pod)
        if response.status_code in {404, 409}:
            # Somebody is removing it: of this try, or of an earlier one that has the same name.
            raise EngineUnreachable(f"{spec.pod} is being removed")
        expect(response)

    def revive(self, name_or_id: str) -> bool:
        """Starts a pod that stopped (with its engine, say); False if it is gone."""
        return self._start(name_or_id).ok

    def remove(self, name: str) -> None:
        """Removes it, whatever its containers do; none is fine."""
        response = self._connection.call("DELETE", f"/containers/{name}", params={"force": "1"})
        # 409: somebody else's removal of it is under way.
        if response.status_code not in {404, 409}:
            expect(response)

    def all(self) -> list[Belonging]:
        labels = [f"{LABEL_INSTALLATION}={self._installation}", LABEL_POD]
        response = self._connection.call(
            "GET", "/containers/json", params={"all": "1", "filters": as_filters(label=labels)}
        )
        return [
            Belonging(found["Labels"][LABEL_POD], found["Labels"])
            for found in answer(response)
            if LABEL_READER not in found["Labels"]
        ]

    def _make(self, spec: ContainerSpec) -> None:
        self._networks.ensure(spec.network)
        response = self._create(spec)
        if response.status_code == 404:
            if message(response).startswith("network "):
                self._networks.mend(spec.network)
            else:
                import_pause(self._connection.client())
            response = self._create(spec)
        if response.status_code == 400:
            raise InvalidSpec(message(response))
        if response.status_code == 409:
            # Another worker makes it at the same moment. Docker knows the name before the container.
            self._await_creation(spec.pod, asked_at=response.headers["Date"])
        elif not response.ok:
            raise EngineError(message(response))

    def _await_creation(self, name: str, *, asked_at: str) -> None:
        """Returns when a pod of that name was made, or has not been for a while.

        `asked_at`: the engine's own time, as HTTP gives it, in whole seconds.
        """
        asked = int(parsedate_to_datetime(asked_at).timestamp())
        response, stream = self._connection.stream(
            "GET",
            "/events",
            params={
                # It may have been made before this call.
                "since": str(asked - _CREATION_SECONDS),
                "until": str(asked + _CREATION_SECONDS),
                "filters": as_filters(container=[name], event=["create"]),
            },
        )
        expect(response)
        next(read_json(stream.blocks()), None)
        stream.close()

    def _create(self, spec: ContainerSpec) -> requests.Response:
        labels = {LABEL_INSTALLATION: self._installation, LABEL_POD: spec.pod}
        if LABEL_JOB in spec.labels:
            labels[LABEL_JOB] = spec.labels[LABEL_JOB]
        body: dict[str, object] = {
            "Image": PAUSE_IMAGE,
            "Labels": labels,
            "User": "65534:65534",
            "HostConfig": {
                "NetworkMode": spec.network,
                "PidsLimit": 64,
                "ReadonlyRootfs": True,
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
                "RestartPolicy": {"Name": "no"},
                "LogConfig": {"Type": "none", "Config": {}},
            },
            **networking(spec),
        }
        return self._connection.call(
            "POST", "/containers/create", params={"name": spec.pod}, body=body
        )

    def _start(self, name_or_id: str) -> requests.Response:
        return self._connection.call("POST", f"/containers/{name_or_id}/start")
