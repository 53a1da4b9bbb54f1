"""Bridge networks: one per environment, made when the first container needs it; one per multi-node try."""

import threading
from typing import Any

from jobs.domain.names import LABEL_INSTALLATION, LABEL_JOB, try_of

from ..base import Belonging, EngineError
from ..checks import PREDEFINED_NETWORKS
from .connection import Connection, answer, expect, message
from .filters import as_filters

# How Docker 20.10 and later say that their address pools are used up.
_NO_ADDRESSES = ("could not find an available", "all predefined address pools", "non-overlapping")


class Networks:
    """Remembers which networks exist, so that launching a container asks nothing about them."""

    def __init__(self, connection: Connection, installation: str) -> None:
        self._connection = connection
        self._installation = installation
        self._lock = threading.Lock()
        self._known: set[str] = set(PREDEFINED_NETWORKS)

    def ensure(self, name: str) -> None:
        """Makes the network unless it exists. Raises EngineError when Docker has no addresses left."""
        if name in self._known:
            return
        with self._lock:
            if name not in self._known:
                self._make(name)
                # A job's network is used once, and soon removed, maybe by another process.
                if try_of(name) is None:
                    self._known.add(name)

    def mend(self, name: str) -> None:
        """After Docker said that there is none of that name (somebody pruned it), or several."""
        with self._lock:
            self._known.discard(name)
        self.ensure(name)
        self._leave_one(name)

    def remove(self, name: str) -> None:
        """Removes all networks of that name; none is fine. Raises EngineError if one is in use."""
        with self._lock:
            if name not in PREDEFINED_NETWORKS:
                self._known.discard(name)
        for network in self._of_name(name):
            response = self._connection.call("DELETE", f"/networks/{network['Id']}")
            if response.status_code != 404:
                expect(response)

    def all(self) -> list[Belonging]:
        """The networks of this installation."""
        label = f"{LABEL_INSTALLATION}={self._installation}"
        response = self._connection.call(
            "GET", "/networks", params={"filters": as_filters(label=[label])}
        )
        return [Belonging(each["Name"], each["Labels"] or {}) for each in answer(response)]

    def _make(self, name: str) -> None:
        said = self._create(name)
        if any(mark in said for mark in _NO_ADDRESSES):
            # Networks of environments that have gone, or rest, hold addresses for nobody.
            self._prune()
            said = self._create(name)
        if any(mark in said for mark in _NO_ADDRESSES):
            raise EngineError(
                "Docker has no addresses left for another network, and each compute environment "
                "needs one. Remove networks that nobody needs, or widen `default-address-pools` "
                f"in Docker's daemon.json. Docker says: {said}"
            )
        if said:
            raise EngineError(said)

    def _create(self, name: str) -> str:
        """Empty if the network exists now, else Docker's words."""
        labels = {LABEL_INSTALLATION: self._installation}
        if its_try := try_of(name):
            labels[LABEL_JOB] = str(its_try.job_id)
        response = self._connection.call(
            "POST",
            "/networks/create",
            body={
                "Name": name,
                "Driver": "bridge",
                "CheckDuplicate": True,
                "Labels": labels,
            },
        )
        if response.ok:
            # Docker before 25 checks the name before, not while, it makes the network: two
            # processes may both have made one, and a container could use neither.
            self._leave_one(name)
            return ""
        said = message(response)
        return "" if "already exists" in said else said

    def _leave_one(self, name: str) -> None:
        """Removes all networks of that name but one; everybody who tries picks the same one.

        Docker refuses to remove a network in use, and containers cannot start while a name is
        ambiguous, so at most one is in use, and that one stays.
        """
        found = self._of_name(name)
        left = len(found)
        for network in sorted(found, key=lambda each: (each["Created"], each["Id"]), reverse=True):
            if left > 1:
                response = self._connection.call("DELETE", f"/networks/{network['Id']}")
                left -= response.ok or response.status_code == 404

    def _of_name(self, name: str) -> list[dict[str, Any]]:
        response = self._connection.call(
            "GET", "/networks", params={"filters": as_filters(name=[name])}
        )
        # Docker's filter finds names that contain it, too.
        return [network for network in answer(response) if network["Name"] == name]

    def _prune(self) -> None:
        label = f"{LABEL_INSTALLATION}={self._installation}"
        response = self._connection.call(
            "POST", "/networks/prune", params={"filters": as_filters(label=[label])}
        )
        expect(response)
        self._known = set(PREDEFINED_NETWORKS)
