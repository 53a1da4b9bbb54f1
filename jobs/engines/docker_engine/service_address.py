"""SERVICE_ADDRESS: an address of the machine itself, made by an empty bridge network that has it as gateway.

Containers reach it the way they reach anything that is not in their own network: through their gateway, which is the
machine that has the address. So none of them has to join the network, and none can reach another through it.
"""

from email.utils import parsedate_to_datetime
from typing import Any

from ..base import SERVICE_ADDRESS, EngineError
from .connection import Connection, answer, expect, message
from .filters import as_filters
from .pulls import read_json

NETWORK = "batchweb-services"
# As small as Docker makes them: nobody else is to be in it.
_SUBNET = "169.254.170.0/29"
# Not that of an installation, whose leftovers are removed: all on the engine share it.
_LABEL = "batchweb.services"
# More than making a network takes, and no more than who waits in vain should.
_CREATION_SECONDS = 3


class ServiceAddress:
    """The engine's network of that address."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def exists(self) -> bool:
        """Whether it is there now: whoever prunes networks removes it, as nothing is connected to it."""
        response = self._connection.call("GET", f"/networks/{NETWORK}")
        return response.status_code != 404 and _gateway(answer(response)) == SERVICE_ADDRESS

    def ensure(self) -> None:
        """Makes it unless it is there. Raises EngineError where something else has the address."""
        if self.exists():
            return
        response = self._connection.call(
            "POST",
            "/networks/create",
            body={
                "Name": NETWORK,
                "Driver": "bridge",
                "CheckDuplicate": True,
                # Nothing goes out through it.
                "Internal": True,
                "IPAM": {"Config": [{"Subnet": _SUBNET, "Gateway": SERVICE_ADDRESS}]},
                "Labels": {_LABEL: "1"},
            },
        )
        if response.ok or self.exists():
            return
        # Another process may be making it: its addresses are taken before it can be seen.
        if not self._comes(asked_at=response.headers["Date"]):
            raise EngineError(
                f"Jobs with a role need the address {SERVICE_ADDRESS} on their machine, and Docker cannot make it: "
                f"{message(response)}. Remove the network that uses it, or set BATCHWEB_JOBS_API_URL."
            )

    def _comes(self, *, asked_at: str) -> bool:
        """Whether the network is made within a short while; returns as soon as it is.

        `asked_at`: the engine's own time, as HTTP gives it, in whole seconds.
        """
        asked = int(parsedate_to_datetime(asked_at).timestamp())
        response, stream = self._connection.stream(
            "GET",
            "/events",
            params={
                "since": str(asked - _CREATION_SECONDS),
                "until": str(asked + _CREATION_SECONDS),
                "filters": as_filters(type=["network"], event=["create"], network=[NETWORK]),
            },
        )
        expect(response)
        # An event may tell of one that was made, and removed, before.
        there = any(self.exists() for _ in read_json(stream.blocks()))
        stream.close()
        return there


def _gateway(network: dict[str, Any]) -> str:
    configs = (network.get("IPAM") or {}).get("Config") or [{}]
    return str(configs[0].get("Gateway") or "")
