"""redun (insitro; aws_batch executor): arrays, results through S3, scripts, errors with the job's log."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from .third_party import WORKLOADS, Ground

pytestmark = pytest.mark.processes

CONFIG = """
[backend]
db_uri = sqlite:///redun.db

[executors.batch]
type = aws_batch
image = {image}
queue = {queue}
s3_scratch = s3://{bucket}/redun
role = {role}
vcpus = 1
memory = 1
min_array_size = 2
job_monitor_interval = 0.5
job_def_name = redun
job_def_extra = {extra}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, ground: Ground) -> Path:
    """Where redun is called: with its workflow and its configuration."""
    folder = tmp_path_factory.mktemp("redun")
    (folder / "workflow.py").write_bytes((WORKLOADS / "redun_workflow.py").read_bytes())
    (folder / ".redun").mkdir()
    environment = [{"name": key, "value": value} for key, value in ground.variables_of_jobs.items()]
    extra = json.dumps({"containerProperties": {"environment": environment}})
    (folder / ".redun" / "redun.ini").write_text(
        CONFIG.format(
            image=ground.image,
            queue=ground.queue,
            bucket=ground.bucket,
            role=ground.role,
            extra=extra,
        )
    )
    return folder


def test_a_workflow_of_redun_runs_to_its_end(ground: Ground, folder: Path) -> None:
    ended = ground.run(
        "redun", "redun", "run", "workflow.py", "main", "--bucket", ground.bucket, cwd=folder
    )

    assert ended.code == 0, ended.text
    assert "[14, [0, b'3\\n']]" in ended.text, ended.text
    jobs = _jobs(ground, ended.text)
    assert {job["status"] for job in jobs} == {"SUCCEEDED"}
    [array] = [job for job in jobs if "arrayProperties" in job]
    assert len(jobs) == 3
    assert array["arrayProperties"]["size"] == 4
    assert array["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 4
    assert array["tags"]["redun_task_name"] == "workload.square"
    [last] = ground.clients.boto().describe_jobs(jobs=[f"{array['jobId']}:3"])["jobs"]
    assert "square of 3" in ground.log(last)
    assert _revisions(ground) == [1]


def _jobs(ground: Ground, told: str) -> list[dict[str, Any]]:
    """The jobs that redun tells it has submitted, as DescribeJobs has them."""
    ids = re.findall(r" as AWS Batch job ([0-9a-f-]{36})", told)
    return list(ground.clients.boto().describe_jobs(jobs=ids)["jobs"])


def _revisions(ground: Ground) -> list[int]:
    """Those of its definition: each run looks for one that fits before it registers another."""
    found = ground.clients.boto().describe_job_definitions(jobDefinitionName="redun")
    return [definition["revision"] for definition in found["jobDefinitions"]]


def test_redun_tells_the_error_and_the_log_of_a_failed_job(ground: Ground, folder: Path) -> None:
    ended = ground.run("redun", "redun", "run", "workflow.py", "fail", "--number", "5", cwd=folder)

    assert ended.code != 0
    assert "ValueError: no such number: 5" in ended.text, ended.text
    assert "*** CloudWatch logs for AWS Batch job" in ended.text
    # What the job printed, each line after its time.
    assert re.search(r"\d  about to fail$", ended.text, re.MULTILINE)
    [job] = _jobs(ground, ended.text)
    assert job["status"] == "FAILED"
    assert job["container"]["exitCode"] == 1
    assert _revisions(ground) == [1]
