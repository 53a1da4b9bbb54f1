"""What Docker tells about a container: its status, events and usage."""

from collections.abc import Mapping
from typing import Any

from ..base import (
    ContainerPhase,
    ContainerStatus,
    EngineEvent,
    EventKind,
    Usage,
)
from .texts import short_start_error
from .times import parse_time

# Docker's states; a paused one still holds its resources.
_PHASES = {
    "created": ContainerPhase.CREATED,
    "running": ContainerPhase.RUNNING,
    "paused": ContainerPhase.RUNNING,
    "restarting": ContainerPhase.RUNNING,
    "removing": ContainerPhase.EXITED,
    "exited": ContainerPhase.EXITED,
    "dead": ContainerPhase.EXITED,
}
_EVENTS = {"start": EventKind.STARTED, "die": EventKind.DIED}
# Docker mixes these into the labels that it sends with an event.
_NO_LABELS = frozenset({"image", "name", "exitCode", "execDuration"})


def status_from_inspect(found: Mapping[str, Any]) -> ContainerStatus:
    """Of an answer to `GET /containers/<id>/json`."""
    state = found["State"]
    phase = _PHASES[state["Status"]]
    started_ns, finished_ns = parse_time(state["StartedAt"]), parse_time(state["FinishedAt"])
    if phase is ContainerPhase.EXITED and not started_ns:
        # It is being removed and never ran: nothing has ended.
        phase = ContainerPhase.CREATED
    if finished_ns:
        # Docker notes the start when it hears of it, which may be after a short command's end.
        started_ns = min(started_ns, finished_ns)
    error = short_start_error(state.get("Error") or "")
    ended = phase is ContainerPhase.EXITED or bool(error)
    return ContainerStatus(
        id=found["Id"],
        name=found["Name"].removeprefix("/"),
        phase=phase,
        labels=found["Config"].get("Labels") or {},
        exit_code=state["ExitCode"] if ended else None,
        oom_killed=bool(state.get("OOMKilled")),
        error=error,
        started_ns=started_ns,
        finished_ns=finished_ns,
        address=address_of(found) if phase is ContainerPhase.RUNNING else "",
    )


def address_of(found: Mapping[str, Any]) -> str:
    """The first IPv4 address that a container has of its own, by its inspection; empty if none."""
    networks: Mapping[str, Any] = (found.get("NetworkSettings") or {}).get("Networks") or {}
    addresses = (str(network.get("IPAddress") or "") for network in networks.values())
    return next(filter(None, addresses), "")


def donor_of(found: Mapping[str, Any]) -> str:
    """The container whose network it shares, by its inspection; empty if it has its own."""
    kind, _, donor = str((found.get("HostConfig") or {}).get("NetworkMode") or "").partition(":")
    return donor if kind == "container" else ""


def status_from_list(found: Mapping[str, Any]) -> ContainerStatus:
    """Of one entry of `GET /containers/json`, which has no exit code and no times."""
    names = found.get("Names") or [""]
    state = found["State"]
    return ContainerStatus(
        id=found["Id"],
        name=names[0].removeprefix("/"),
        # A list does not tell whether one that is being removed ever ran; soon it is gone anyway.
        phase=ContainerPhase.CREATED if state == "removing" else _PHASES[state],
        labels=found.get("Labels") or {},
    )


def event_from(found: Mapping[str, Any]) -> EngineEvent | None:
    """None for an event of another kind."""
    kind = _EVENTS.get(found.get("Action", ""))
    if kind is None:
        return None
    actor = found["Actor"]
    return EngineEvent(
        kind=kind,
        container_id=actor["ID"],
        labels={k: v for k, v in actor["Attributes"].items() if k not in _NO_LABELS},
        at_ns=found["timeNano"],
    )


def usage_from_stats(found: Mapping[str, Any]) -> Usage | None:
    """None if the container does not run: Docker then sends a sample without a time or a number."""
    read = found.get("read")
    at_ns = parse_time(read) if read else 0
    memory = found.get("memory_stats") or {}
    if not at_ns or "usage" not in memory:
        return None
    details = memory.get("stats") or {}
    # The page cache that the kernel would give back first; its name differs by cgroup version.
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    return Usage(
        at_ns=at_ns,
        cpu_ns=found["cpu_stats"]["cpu_usage"]["total_usage"],
        memory_bytes=max(memory["usage"] - cache, 0),
    )
