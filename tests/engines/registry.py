"""A container registry of a test's own (Debian's package docker-registry), on a free local port."""

import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

CONFIG = """\
version: 0.1
log: {{level: info}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "{address}"}}
"""
PRIVATE = """\
auth: {{htpasswd: {{realm: tests, path: {accounts}}}}}
"""
# The registry takes bcrypt only, which nothing here can make: so the passwords are fixed, and cheap to check.
PASSWORDS = {"ada": "one for ada", "team": "one for all"}
HTPASSWD = """\
ada:$2y$04$abcdefghijklmnopqrstuOXFxNDmb27qyhgaqXThbXrFC9MpfOOW.
team:$2y$04$abcdefghijklmnopqrstuOBKw9ciCabF2e9IXYcvhm129FJlxskfS
"""


class Registry:
    """Docker trusts registries on 127.0.0.0/8 without TLS. A `private` one wants one of PASSWORDS for everything."""

    def __init__(self, home: Path, *, private: bool = False) -> None:
        binary = shutil.which("docker-registry")
        if binary is None:
            pytest.fail("No docker-registry found. script/test installs it (Debian's package).")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        config = home / "registry.yml"
        accounts = home / "accounts"
        accounts.write_text(HTPASSWD)
        config.write_text(
            CONFIG.format(root=home / "registry", address=self.address)
            + (PRIVATE.format(accounts=accounts) if private else "")
        )
        self._process = subprocess.Popen([binary, "serve", str(config)], stderr=subprocess.PIPE)
        self._await_ready()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._reader.join(20)

    def _await_ready(self) -> None:
        ready = threading.Event()

        def read() -> None:
            assert self._process.stderr is not None
            for line in self._process.stderr:
                if b"listening on" in line:
                    ready.set()
            self._process.stderr.close()

        self._reader = threading.Thread(target=read)
        self._reader.start()
        assert ready.wait(20)
