"""A Docker daemon of a test's own, to be stopped and started at will. Needs root, as dockerd does."""

import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

READY = b"API listen on"
PATIENCE_SECONDS = 60


class Daemon:
    """dockerd with its own data, socket and network namespace, beside the machine's own."""

    def __init__(self, *options: str) -> None:
        # Not pytest's folder: a socket's path must be short.
        self.home = Path(tempfile.mkdtemp(prefix="dockerd-"))
        self.url = f"unix://{self.home}/sock"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        ready = threading.Event()
        self._process = process = subprocess.Popen(
            [
                *("unshare", "--net", "dockerd", "--iptables=false", "--ip-masq=false"),
                *("--data-root", f"{self.home}/data", "--exec-root", f"{self.home}/exec"),
                *("--pidfile", f"{self.home}/pid", "--host", self.url),
                *self._options,
            ],
            stderr=subprocess.PIPE,
        )
        said: list[bytes] = []

        def read() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                said.append(line)
                if READY in line:
                    ready.set()
            process.stderr.close()
            ready.set()

        threading.Thread(target=read, daemon=True).start()
        assert ready.wait(PATIENCE_SECONDS), b"".join(said).decode()
        assert process.poll() is None, b"".join(said).decode()

    def stop(self) -> None:
        """As an operator stops it: its containers are ended."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def kill(self) -> None:
        """As a crash ends it: its containers run on, until it is started again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_SECONDS)
            self._process = None
            # Its containerd dies with it; under an init that reaps no orphans, the number in this
            # file would look alive for ever, and the next start would wait for it.
            (self.home / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)

    def remove(self) -> None:
        self.stop()
        # A daemon that was killed leaves mounts behind, deepest last.
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in reversed(mounts):
            if mount.startswith(f"{self.home}/"):
                subprocess.run(["umount", "--lazy", mount], check=True)
        shutil.rmtree(self.home)
