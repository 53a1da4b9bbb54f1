"""A whole Batchweb in processes of its own, as users run it: for tests of faults and for benchmarks.

Its processes run under `script/lib/keep`, which starts them again when they die, on a fresh `var`
folder and a free port. What it serves is reached over HTTP with a bearer token, as a script would.
"""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import docker
import requests

from jobs.domain.names import LABEL_INSTALLATION

ROOT = Path(__file__).resolve().parent.parent
KEEP = ROOT / "script" / "lib" / "keep"
PYTHON = sys.executable
PASSWORD = "secret-of-tests"
TERMINAL = frozenset({"SUCCEEDED", "FAILED"})
T = TypeVar("T")
# Far longer than anything takes: only what never comes is given up, on a busy machine too.
PATIENCE_SECONDS = 180.0

COMMANDS = {
    "redis": [PYTHON, "-m", "batchweb.embedded"],
    "web": [
        PYTHON,
        "-m",
        "uvicorn",
        "batchweb.asgi:application",
        *("--no-proxy-headers", "--no-access-log", "--log-level", "warning"),
        *("--timeout-graceful-shutdown", "1"),
    ],
    "scheduler": [PYTHON, "manage.py", "scheduler"],
    "workers": [PYTHON, "manage.py", "workers"],
    "supervisor": [PYTHON, "manage.py", "supervisor"],
}


def wait_until(
    condition: Callable[[], T],
    *,
    what: str,
    seconds: float = PATIENCE_SECONDS,
    interval: float = 0.05,
) -> T:
    """The first true value of `condition`; TimeoutError, naming `what`, if there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(interval)
    return value


class Installation:
    """Starts all processes on entry; on exit stops them and removes what they made."""

    def __init__(self, *, image: str, environment: Mapping[str, str] | None = None) -> None:
        self.var = Path(tempfile.mkdtemp(prefix="batchweb-inst-"))
        self.url = f"http://127.0.0.1:{_free_port()}"
        self._image = image
        self._keepers: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "REDIS_URL"},
            "DJANGO_SETTINGS_MODULE": "batchweb.settings.dev",
            "BATCHWEB_VAR": str(self.var),
            "BATCHWEB_INSTALLATION": self.var.name,
            "BATCHWEB_SERVER_PID": str(os.getpid()),
            # Where the supervisor hands on what jobs with a role send.
            "BATCHWEB_PORT": self.url.rsplit(":", 1)[1],
            **(environment or {}),
        }
        self._http = requests.Session()

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def _begin(self) -> None:
        self.manage("migrate", "--verbosity", "0")
        self.manage("seed", "--image", self._image, "--password", PASSWORD)
        self.manage("write_dev_env", "--url", self.url)
        token = self.dev_env()["BATCHWEB_TOKEN"]
        self._http.headers.update(
            {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        )
        for name in COMMANDS:
            self.start(name)
        wait_until(self.is_ready, what="the installation is ready")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            sys.stderr.write(self.logs())
        for keeper in self._keepers.values():
            keeper.terminate()
        for keeper in self._keepers.values():
            keeper.wait(60)
        self._http.close()
        self._clear_engine()
        shutil.rmtree(self.var, ignore_errors=True)

    def _clear_engine(self) -> None:
        """Its containers, volumes and networks go with it: an engine has room for some thirty networks."""
        client = docker.DockerClient(base_url=self._environment.get("DOCKER_HOST"))
        mine: dict[str, str | list[str] | bool] = {"label": self.containers_label}
        for container in client.containers.list(all=True, filters=mine, ignore_removed=True):
            container.remove(force=True, v=True)
        for volume in client.volumes.list(filters={"label": self.containers_label}):
            volume.remove()
        client.networks.prune(filters={"label": self.containers_label})
        client.close()

    def dev_env(self) -> dict[str, str]:
        """What scripts find in `dev.env`."""
        lines = (self.var / "dev.env").read_text().splitlines()
        return {
            name: shlex.split(value)[0]
            for name, _, value in (line.partition("=") for line in lines)
        }

    def access_key(self, username: str) -> dict[str, str]:
        """An access key of a user without rights of his own to administer, who is made if need be."""
        program = (
            "from django.contrib.auth.models import User\n"
            "from django.utils import timezone\n"
            "from jobs.services.access.access_keys import create_access_key\n"
            f"user, _ = User.objects.get_or_create(username={username!r})\n"
            "key, secret = create_access_key(user=user, name='test', now=timezone.now())\n"
            "print(key.access_key_id, secret)\n"
        )
        key_id, secret = self.manage("shell", "--no-imports", "-c", program).split()[-2:]
        return {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}

    @property
    def containers_label(self) -> str:
        """The label that its containers carry, and no other installation's."""
        return f"{LABEL_INSTALLATION}={self.var.name}"

    def manage(self, *arguments: str) -> str:
        """Runs a management command to its end and gives back what it printed."""
        done = subprocess.run(
            [PYTHON, "manage.py", *arguments],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"manage.py {' '.join(arguments)}: {done.stdout}")
        return done.stdout

    def start(self, name: str, *, as_name: str = "") -> None:
        """Starts one of the processes (again), kept alive."""
        command = [str(KEEP), name, *COMMANDS[name]]
        if name == "web":
            command += ["--port", self.url.rsplit(":", 1)[1]]
        with (self.var / f"{as_name or name}.out").open("ab") as output:
            self._keepers[as_name or name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def stop(self, name: str) -> None:
        """Ends a process for good, as a stop of the server would."""
        keeper = self._keepers.pop(name)
        keeper.terminate()
        keeper.wait(60)

    def pids(self, name: str) -> list[int]:
        """The process of that name, then those that it has forked."""
        found: list[int] = []
        waiting = [pid for pid in _children(self._keepers[name].pid) if not _is_helper(pid)]
        while waiting:
            pid = waiting.pop(0)
            found.append(pid)
            waiting.extend(_children(pid))
        return found

    def kill(self, *names: str) -> int:
        """`kill -9` to the processes of these names, which are started again; how many there were."""
        pids = [pid for name in names for pid in self.pids(name)[:1]]
        for pid in pids:
            _kill(pid)
        return len(pids)

    def kill_a_worker(self, choose: Callable[[list[int]], int]) -> int:
        """`kill -9` to one worker of the pool; how many there were to kill, one or none."""
        workers = self.pids("workers")[1:]
        if workers:
            _kill(choose(workers))
        return min(len(workers), 1)

    def is_ready(self) -> bool:
        """Whether the page answers and the first environment can take jobs."""
        try:
            rows = self.get("/environments/")["results"]
        except requests.RequestException:
            return False
        return bool(rows) and all(
            row["status"] == "VALID" and row["total_vcpus"] != "0" for row in rows
        )

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """The JSON at a path (or a full URL of this installation)."""
        url = path if path.startswith("http") else self.url + path
        answer = self._http.get(url, params=parameters, timeout=30)
        answer.raise_for_status()
        return dict(answer.json())

    def post(self, path: str, **fields: Any) -> dict[str, Any]:
        """Posts form fields and gives back the JSON of the answer."""
        return self._post(path, data=fields)

    def post_json(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """The same with a JSON object."""
        return self._post(path, json=document)

    def _post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self._http.post(self.url + path, **body, timeout=30)
        if not answer.ok:
            told = f"{path}: {answer.status_code} {answer.text[:500]}"
            raise requests.HTTPError(told, response=answer)
        return dict(answer.json())

    def submit(self, name: str, **fields: Any) -> str:
        """Submits a job and gives back its id. Defaults: the first queue, the hello definition."""
        values = {"queue": "default", "definition": "hello", **fields}
        return str(self.post("/jobs/", name=name, **values)["id"])

    def define(self, **document: Any) -> str:
        """Registers a definition, by AWS Batch's member names, and gives back what to submit it by."""
        made = self.post("/definitions/", document=json.dumps(document))
        return f"{made['name']}:{made['revision']}"

    def job(self, job_id: str) -> dict[str, Any]:
        return self.get(f"/jobs/{job_id}/")

    def log(self, job_id: str, attempt: int = 1, *, node: int = 0, container: int = 0) -> str:
        """The whole log of one container of an attempt, as it is downloaded."""
        which = f"{node}/{container}/" if node or container else ""
        url = f"{self.url}/jobs/{job_id}/attempts/{attempt}/{which}log/download/"
        answer = self._http.get(url, timeout=30)
        answer.raise_for_status()
        return answer.content.decode(errors="replace")

    def read(self, path: str) -> bytes:
        """A whole download, byte for byte."""
        answer = self._http.get(self.url + path, timeout=30)
        answer.raise_for_status()
        return answer.content

    def wait_for(
        self,
        job_id: str,
        *statuses: str,
        seconds: float = PATIENCE_SECONDS,
        interval: float = 0.05,
    ) -> dict[str, Any]:
        """The job as soon as it is in one of the statuses (default: a terminal one)."""
        wanted = set(statuses) or TERMINAL
        last: dict[str, Any] = {}

        def there() -> bool:
            last.update(self.job(job_id))
            return last["status"] in wanted

        try:
            wait_until(there, seconds=seconds, what=f"{job_id} in {wanted}", interval=interval)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it is {last}") from None
        return last

    def wait_for_all(
        self, job_ids: Iterable[str], *, seconds: float = PATIENCE_SECONDS
    ) -> list[dict[str, Any]]:
        """All jobs once they are terminal, in the order asked for."""
        deadline = time.monotonic() + seconds
        return [
            self.wait_for(job_id, seconds=max(1.0, deadline - time.monotonic()), interval=0.2)
            for job_id in job_ids
        ]

    def logs(self) -> str:
        """The last lines of what every process printed."""
        return "".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-6000:]}\n"
            for path in sorted(self.var.glob("*.out"))
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def _is_helper(pid: int) -> bool:
    """The keeper's own `tail` and `sleep`."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return True
    return Path(os.fsdecode(words[0])).name in {"tail", "sleep", "bash"}


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
