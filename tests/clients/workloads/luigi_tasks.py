"""A pipeline of Luigi: numbers are squared by three jobs, and their squares added up by a fourth."""

import json
import os
from pathlib import Path

import luigi
from luigi.contrib.batch import BatchClient, BatchTask
from luigi.contrib.s3 import S3Target

BUCKET = os.environ["WORKLOAD_BUCKET"]
QUEUE = os.environ["WORKLOAD_QUEUE"]


class Definition(luigi.Task):
    """A job definition, registered from its JSON file."""

    name = luigi.Parameter()

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(f"{self.name}.arn")

    def run(self) -> None:
        made = BatchClient().register_job_definition(f"{self.name}.json")
        with self.output().open("w") as file:
            file.write(made["jobDefinitionArn"])


class OnBatch(BatchTask):
    """A job of ours, with the definition that another task has registered."""

    job_definition = luigi.Parameter(default="")
    job_queue = luigi.Parameter(default=QUEUE)
    poll_time = luigi.IntParameter(default=1)
    definition = ""

    def requires(self) -> list[luigi.Task]:
        return [Definition(name=self.definition)]

    def run(self) -> None:
        self.job_definition = Path(f"{self.definition}.arn").read_text()
        super().run()


class Square(OnBatch):
    """The square of a number, as an object."""

    number = luigi.IntParameter()
    definition = "luigi-square"

    @property
    def parameters(self) -> dict[str, str]:
        return {"number": str(self.number), "target": self.output().path}

    def output(self) -> S3Target:
        return S3Target(f"s3://{BUCKET}/luigi/square-{self.number}")


class Sum(OnBatch):
    """The sum of all squares."""

    job_name = luigi.Parameter(default="luigi-sum")
    definition = "luigi-sum"

    def requires(self) -> list[luigi.Task]:
        return [
            *super().requires(),
            *(Square(number=n, job_name=f"luigi-square-{n}") for n in (2, 3, 6)),
        ]

    @property
    def parameters(self) -> dict[str, str]:
        return {"folder": f"s3://{BUCKET}/luigi/", "target": self.output().path}

    def output(self) -> S3Target:
        return S3Target(f"s3://{BUCKET}/luigi/sum")


class Failing(OnBatch):
    """A job that says what is wrong, and fails."""

    job_name = luigi.Parameter(default="luigi-failing")
    definition = "luigi-failing"

    @property
    def parameters(self) -> dict[str, str]:
        return {"complaint": "no such number"}


def written() -> str:
    """The sum, as Luigi reads it from object storage."""
    with Sum().output().open() as file:
        return file.read().strip()


if __name__ == "__main__":
    done = luigi.build([Sum()], local_scheduler=True, workers=3)
    print(json.dumps({"done": done, "sum": written()}))
