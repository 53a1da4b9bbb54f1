"""What Docker is told about a container, and what it tells: specs out, status, events, usage in."""

from collections.abc import Mapping
from typing import Any

from jobs.domain.names import LABEL_INSTALLATION

from ..base import (
    ContainerPhase,
    ContainerSpec,
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

# Named in full, so that the daemon's own defaults cannot change what we rely on: the log can be read
# back, nothing is dropped under load, and nothing is rotated away before it was shipped (Docker has
# no word for "unlimited", so the size is one that no disk has). Not Docker's usual `json-file`: it
# replaces all bytes that are not UTF-8, and takes the daemon half as much time again to read.
_LOG_CONFIG = {
    "Type": "local",
    "Config": {"mode": "blocking", "max-size": "1000t", "max-file": "1", "compress": "false"},
}


def create_body(spec: ContainerSpec, installation: str) -> dict[str, object]:
    """The body of `POST /containers/create`. No entry point is given, so the image's stays."""
    memory_bytes = spec.memory_mib * 1024 * 1024
    return {
        "Image": spec.image,
        "Cmd": list(spec.command),
        "Env": [f"{name}={value}" for name, value in spec.environment.items()],
        "Labels": {**spec.labels, LABEL_INSTALLATION: installation},
        "HostConfig": {
            "NanoCpus": spec.milli_vcpus * 1_000_000,
            "Memory": memory_bytes,
            # Memory and swap together: so there is no swap.
            "MemorySwap": memory_bytes,
            "PidsLimit": spec.pids_limit,
            "NetworkMode": spec.network,
            "SecurityOpt": ["no-new-privileges"],
            "RestartPolicy": {"Name": "no"},
            "AutoRemove": False,
            "Init": False,
            "LogConfig": _LOG_CONFIG,
            "Binds": list(spec.binds),
        },
    }


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
    )


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
    at_ns = parse_time(found["read"])
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
