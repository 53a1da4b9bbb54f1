"""The README's commands for the AWS CLI and boto3, run as they stand there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images import busybox_image
from tests.installation import Installation

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
SECTION = "## Use it with the AWS CLI and boto3"
# The image that script/server provides; here another of the same content.
IMAGE = "busybox:1.36"


def blocks(language: str) -> list[str]:
    """What the section has in that language."""
    section = (ROOT / "README.md").read_text().partition(SECTION)[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def installation(docker_engine_url: str) -> Iterator[Installation]:
    with Installation(image=busybox_image()) as installation:
        yield installation


def environment(**more: str) -> dict[str, str]:
    """Without any key or endpoint of this machine's."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{own['PATH']}"
    return {**own, "PATH": programs, "AWS_PAGER": "", **more}


def test_the_commands_run_as_they_stand_there(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "var").symlink_to(installation.var)
    [shell], [python] = blocks("sh"), blocks("python")
    assert IMAGE in shell
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", shell.replace(IMAGE, busybox_image())],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[-2:] == ["SUCCEEDED", "Hello from the AWS CLI"]
    keys = {name: value for name, value in installation.dev_env().items() if name[:4] == "AWS_"}
    ran = subprocess.run(
        [sys.executable, "-c", python],
        env=environment(**keys),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "greet-again\n"), ran.stderr
