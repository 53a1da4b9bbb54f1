"""Which run of the Docker daemon answers? Its API does not say, so two other marks are read."""

import socket
import struct
from pathlib import Path

from .connection import Connection

_PEER = struct.Struct("3i")
_KERNEL_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Where the daemon writes its process id when systemd holds the socket for it.
_PID_FILES = (Path("/run/docker.pid"), Path("/var/run/docker.pid"))
_SYSTEMD = 1
# Of /proc/<pid>/stat, counted after the command's name: field 22, the start in clock ticks.
_START_TIME = 19


def boot_id(connection: Connection) -> str:
    """Another one after each restart of the daemon, and the same in between; empty if unknown.

    On this machine it is the daemon's process: its id, when it started, and the kernel's boot.
    Elsewhere (over TCP, or from a container that sees the socket only) it is the default bridge
    network's id: the daemon makes that network anew at each start, except where live-restore keeps
    containers running, and then nothing was lost by the restart.
    """
    return _daemon_process(connection.socket_path) or _default_bridge(connection)


def _daemon_process(socket_path: str) -> str:
    if not socket_path:
        return ""
    try:
        process = _peer_process(socket_path)
        if process == _SYSTEMD:
            process = _process_from_file()
        started = _start_time(process) if process > _SYSTEMD else ""
        kernel = _KERNEL_BOOT_ID.read_text().strip()
    except (OSError, ValueError):
        return ""
    return f"{kernel}:{process}:{started}" if started else ""


def _peer_process(socket_path: str) -> int:
    """The process that listens on the socket; 0 if it lives in a process namespace we cannot see."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(10)
        probe.connect(socket_path)
        credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    process: int = _PEER.unpack(credentials)[0]
    return process


def _process_from_file() -> int:
    for path in _PID_FILES:
        if path.exists():
            return int(path.read_text())
    return 0


def _start_time(process: int) -> str:
    stat = Path(f"/proc/{process}/stat").read_text()
    # The command's name stands in brackets and may hold anything, so count from behind it.
    return stat.rpartition(")")[2].split()[_START_TIME]


def _default_bridge(connection: Connection) -> str:
    response = connection.call("GET", "/networks/bridge")
    if not response.ok:
        return ""
    return f"bridge:{response.json()['Id']}"
