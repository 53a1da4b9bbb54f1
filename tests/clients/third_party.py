"""Clients of AWS Batch that others made, unmodified: each in a Python environment of its own, on one address."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.installation import ROOT
from tests.uv import find_uv

from .clients import Clients

HERE = Path(__file__).resolve().parent
WORKLOADS = HERE / "workloads"
ENVIRONMENTS = ROOT / "var" / "clients"
# Most of their time they sleep between two looks at their jobs.
PATIENCE_SECONDS = 420
# What the tests' own Python and AWS CLI were told.
NOT_THEIRS = frozenset({"PYTHONPATH", "VIRTUAL_ENV", "AWS_DATA_PATH"})
INSTALL_SECONDS = 600


def requirements_of(name: str) -> Path:
    """The exact versions of everything that a client needs."""
    return HERE / "requirements" / f"{name}.txt"


def environment_of(name: str) -> Path:
    """The folder of a Python environment with that client; made once, and again when its requirements change."""
    requirements = requirements_of(name)
    digest = sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = ENVIRONMENTS / f"{name}-{digest}"
    if not folder.exists():
        ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
        _install(requirements, folder)
    return folder


def _install(requirements: Path, folder: Path) -> None:
    """Whatever is at `folder` is complete: it gets its name last."""
    uv, making = find_uv(), Path(tempfile.mkdtemp(prefix="making-", dir=ENVIRONMENTS))
    try:
        # Commands in it find their Python by their own place, so that it can be moved.
        _run(
            uv,
            "venv",
            "--quiet",
            "--clear",
            "--relocatable",
            "--python",
            sys.executable,
            str(making),
        )
        python = str(making / "bin" / "python")
        _run(
            uv, "pip", "install", "--quiet", "--python", python, "--requirement", str(requirements)
        )
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, timeout=INSTALL_SECONDS)


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed on both of its outputs."""

    code: int
    text: str


@dataclass(frozen=True)
class Ground:
    """What the clients find: an address, a user's keys, a queue, a bucket, an image and a role for jobs."""

    clients: Clients
    queue: str
    bucket: str
    image: str
    role: str

    @property
    def url(self) -> str:
        """The one address, as it is reached from this machine and from containers on it."""
        return self.clients.keys["AWS_ENDPOINT_URL"]

    @property
    def variables_of_jobs(self) -> dict[str, str]:
        """What containers are told beside what they have from Batchweb: where object storage is."""
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def run(
        self, client: str, *words: str, cwd: Path, variables: Mapping[str, str] | None = None
    ) -> Ended:
        """Runs a command of a client's environment, for which only its environment variables say where AWS is."""
        own = self.clients.environment()
        environment = {
            **{name: own[name] for name in own.keys() - NOT_THEIRS},
            "PATH": f"{environment_of(client) / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(cwd),
            **(variables or {}),
        }
        done = subprocess.run(
            words,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Ended(done.returncode, done.stdout)

    def jobs(self, name: str) -> list[dict[str, Any]]:
        """The queue's jobs of a name (`a*`: that begins so), as DescribeJobs has them, the oldest first."""
        batch = self.clients.boto()
        pages = batch.get_paginator("list_jobs").paginate(
            jobQueue=self.queue, filters=[{"name": "JOB_NAME", "values": [name]}]
        )
        ids = [job["jobId"] for page in pages for job in page["jobSummaryList"]]
        found = batch.describe_jobs(jobs=ids)["jobs"] if ids else []
        return sorted(found, key=lambda job: int(job["createdAt"]))

    def log(self, job: Mapping[str, Any]) -> str:
        """What a job has logged, as CloudWatch Logs has it."""
        events = self.clients.boto("logs").get_log_events(
            logGroupName="/aws/batch/job",
            logStreamName=job["container"]["logStreamName"],
            startFromHead=True,
        )["events"]
        return "\n".join(str(event["message"]) for event in events)

    def objects(self, prefix: str = "") -> list[str]:
        """The keys of what is in the bucket."""
        found = self.clients.boto("s3").list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [str(each["Key"]) for each in found.get("Contents", ())]
