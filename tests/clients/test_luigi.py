"""Luigi (Spotify and others; luigi.contrib.batch by Outlier Bio): a pipeline of jobs and of objects in S3."""

import json
from pathlib import Path

import pytest

from .third_party import WORKLOADS, Ground

pytestmark = pytest.mark.processes

SQUARE = "echo $(($1 * $1)) | tee /dev/stderr | aws s3 cp --no-progress - $2"
SUM = (
    "aws s3 cp --quiet --recursive --exclude '*' --include 'square-*' $1 found && "
    "echo $(($(cat found/* | paste -sd+))) | aws s3 cp - $2"
)
FAIL = 'echo "I fail: $1" >&2; exit 3'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, ground: Ground) -> Path:
    """Where Luigi is called: with its tasks, and definitions as JSON files."""
    folder = tmp_path_factory.mktemp("luigi")
    (folder / "luigi_tasks.py").write_bytes((WORKLOADS / "luigi_tasks.py").read_bytes())
    for name, script, arguments in (
        ("luigi-square", SQUARE, ["Ref::number", "Ref::target"]),
        ("luigi-sum", SUM, ["Ref::folder", "Ref::target"]),
        ("luigi-failing", FAIL, ["Ref::complaint"]),
    ):
        document = _definition(name, ["bash", "-ec", script, "bash", *arguments], ground)
        (folder / f"{name}.json").write_text(json.dumps(document))
    return folder


def _definition(name: str, command: list[str], ground: Ground) -> dict[str, object]:
    return {
        "jobDefinitionName": name,
        "type": "container",
        "containerProperties": {
            "image": ground.image,
            "command": command,
            "jobRoleArn": ground.role,
            "environment": [
                {"name": key, "value": value} for key, value in ground.variables_of_jobs.items()
            ],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "256"},
            ],
        },
    }


def _variables(ground: Ground) -> dict[str, str]:
    return {"WORKLOAD_BUCKET": ground.bucket, "WORKLOAD_QUEUE": ground.queue}


def test_a_pipeline_of_luigi_runs_to_its_end(ground: Ground, folder: Path) -> None:
    ended = ground.run(
        "luigi", "python", "luigi_tasks.py", cwd=folder, variables=_variables(ground)
    )

    assert ended.code == 0, ended.text
    assert json.loads(ended.text.splitlines()[-1]) == {"done": True, "sum": "49"}
    assert sorted(ground.objects("luigi/")) == [
        *(f"luigi/square-{number}" for number in (2, 3, 6)),
        "luigi/sum",
    ]
    jobs = {job["jobName"]: job for job in ground.jobs("luigi-s*")}
    assert sorted(jobs) == ["luigi-square-2", "luigi-square-3", "luigi-square-6", "luigi-sum"]
    assert {job["status"] for job in jobs.values()} == {"SUCCEEDED"}
    assert jobs["luigi-square-6"]["parameters"]["number"] == "6"
    assert ground.log(jobs["luigi-square-6"]).splitlines()[0] == "36"


def test_luigi_tells_what_a_failed_job_has_logged(ground: Ground, folder: Path) -> None:
    ended = ground.run(
        "luigi",
        *("luigi", "--module", "luigi_tasks", "Failing", "--local-scheduler"),
        cwd=folder,
        variables={**_variables(ground), "PYTHONPATH": str(folder)},
    )

    assert "BatchJobException" in ended.text, ended.text
    assert "I fail: no such number" in ended.text
    [job] = ground.jobs("luigi-failing")
    assert job["status"] == "FAILED"
    assert job["attempts"][0]["container"]["exitCode"] == 3
