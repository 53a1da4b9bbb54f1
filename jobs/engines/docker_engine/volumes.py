"""Volumes of jobs: made with our labels when the first container needs them."""

from jobs.domain.names import LABEL_INSTALLATION, LABEL_JOB

from ..base import Belonging, ContainerSpec, InvalidSpec
from ..checks import volumes_of
from .connection import Connection, answer, expect, message
from .filters import as_filters


class Volumes:
    """The engine's volumes of this installation."""

    def __init__(self, connection: Connection, installation: str) -> None:
        self._connection = connection
        self._installation = installation

    def ensure(self, spec: ContainerSpec) -> None:
        """Makes what the container needs; Docker leaves one that exists as it is.

        Docker would make them by itself, but without labels nobody would find them again.
        """
        labels = {LABEL_INSTALLATION: self._installation}
        if LABEL_JOB in spec.labels:
            labels[LABEL_JOB] = spec.labels[LABEL_JOB]
        for name in volumes_of(spec):
            response = self._connection.call(
                "POST",
                "/volumes/create",
                body={"Name": name, "Driver": "local", "Labels": labels},
            )
            if response.status_code == 400:
                raise InvalidSpec(message(response))
            expect(response)

    def remove(self, name: str) -> None:
        """Removes it; none is fine. Raises EngineError while a container has it."""
        response = self._connection.call("DELETE", f"/volumes/{name}")
        if response.status_code != 404:
            expect(response)

    def all(self) -> list[Belonging]:
        label = f"{LABEL_INSTALLATION}={self._installation}"
        response = self._connection.call(
            "GET", "/volumes", params={"filters": as_filters(label=[label])}
        )
        found = answer(response)["Volumes"] or []
        return [Belonging(each["Name"], each["Labels"] or {}) for each in found]
