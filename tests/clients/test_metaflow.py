"""Metaflow (Netflix, Outerbounds): steps with @batch, a foreach, a retry; S3 is the datastore."""

from pathlib import Path

import pytest

from .third_party import WORKLOADS, Ground

pytestmark = pytest.mark.processes

USER = "somebody"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Metaflow is called: with its flow. It keeps what it knows of runs there."""
    folder = tmp_path_factory.mktemp("metaflow")
    (folder / "flow.py").write_bytes((WORKLOADS / "metaflow_flow.py").read_bytes())
    return folder


def _variables(ground: Ground) -> dict[str, str]:
    """The settings of Metaflow, which may stand in its config.json as well."""
    return {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DEFAULT_METADATA": "local",
        "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{ground.bucket}/metaflow",
        "METAFLOW_S3_ENDPOINT_URL": ground.url,
        "METAFLOW_BATCH_JOB_QUEUE": ground.queue,
        "METAFLOW_BATCH_CONTAINER_IMAGE": ground.image,
        "METAFLOW_BATCH_EMIT_TAGS": "1",
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": ground.role,
        # Else it starts 64 processes to write a few small objects.
        "METAFLOW_S3_WORKER_COUNT": "4",
        "USERNAME": USER,
    }


def test_a_flow_of_metaflow_runs_to_its_end(ground: Ground, folder: Path) -> None:
    variables = _variables(ground)
    ended = ground.run("metaflow", "python", "flow.py", "run", cwd=folder, variables=variables)

    assert ended.code == 0, ended.text
    assert "total: 5" in ended.text
    jobs = ground.jobs(f"{USER}-SquaresFlow-*")
    steps = {job["jobName"].split("-", 3)[3]: job for job in jobs}
    assert {step: job["status"] for step, job in steps.items()} == {
        "square-2-0": "SUCCEEDED",
        "square-3-0": "FAILED",
        "square-3-1": "SUCCEEDED",
        "square-4-0": "SUCCEEDED",
        "join-5-0": "SUCCEEDED",
    }
    assert "not at the first go" in ground.log(steps["square-3-0"])
    assert steps["join-5-0"]["tags"]["metaflow.step_name"] == "join"

    listed = ground.run(
        "metaflow", "python", "flow.py", "batch", "list", cwd=folder, variables=variables
    )
    assert "No running AWS Batch jobs found." in listed.text, listed.text
