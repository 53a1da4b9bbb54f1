"""The real clients of AWS, pointed at a running installation."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import boto3
from awscli.clidriver import create_clidriver
from botocore.config import Config

from jobs.api.service_models import output_shape
from jobs.api.shapes import problems

from . import xml_answers

Call = tuple[str, str, bool]
AWS = Path(sys.executable).parent / "aws"
# Version 2, which is not a Python package; it alone has `aws logs tail`.
AWS_2 = (Path("/usr/local/bin/aws"), Path("/usr/bin/aws"))


class CliError(Exception):
    """What the AWS CLI printed when it ended with an error."""


class Clients:
    """boto3 and the AWS CLI with the keys of one user.

    `calls` notes what boto3 has called: service, operation, and whether it worked.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self.keys = dict(keys)
        self.calls: set[Call] = set()
        self._session: Any = boto3.session.Session(
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            region_name=keys["AWS_DEFAULT_REGION"],
        )

    def boto(self, service: str = "batch", **config: Any) -> Any:
        """A client whose raw answers are held against the service's model, before boto3 reads them."""
        client = self._session.client(
            service,
            endpoint_url=self.keys["AWS_ENDPOINT_URL"],
            config=Config(retries={"total_max_attempts": 1}, **config),
        )
        client.meta.events.register("before-parse", self._checker(service))
        return client

    def _checker(self, service: str) -> Callable[..., None]:
        def check(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
            operation, status = operation_model.name, response_dict["status_code"]
            self.calls.add((service, operation, status == 200))
            if service not in WRONG_IN:
                return
            assert status == 200 or 400 <= status < 500, (operation, response_dict["body"])
            assert response_dict["headers"].get("x-amzn-RequestId"), operation
            wrong = WRONG_IN[service](service, operation, response_dict)
            assert not wrong, f"{operation} answered what its shape does not have: {wrong}"

        return check

    def environment(self) -> dict[str, str]:
        """The variables that a shell would have after `. var/dev.env`, and no profile of who runs the tests."""
        # The CLI's driver has set one itself: where its own data lies.
        own = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("AWS_") or name == "AWS_DATA_PATH"
        }
        nobody = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        return {**own, **nobody, **self.keys, "AWS_PAGER": ""}

    def aws(self, *words: str) -> Any:
        """What the AWS CLI prints, as JSON if it is that. Raises CliError.

        The CLI's own driver, in this process: to start Python for each of a hundred commands would take minutes.
        """
        out, err = io.StringIO(), io.StringIO()
        with _variables(self.environment()), redirect_stdout(out), redirect_stderr(err):
            try:
                driver: Any = create_clidriver  # awscli has no types.
                code = driver().main([*words, "--output", "json"])
            except SystemExit as error:
                code = error.code
        if code:
            raise CliError(err.getvalue().strip() or out.getvalue())
        text = out.getvalue()
        return json.loads(text) if text.lstrip().startswith(("{", "[")) else text

    def shell(self, command: str, *, seconds: float = 120) -> str:
        """What a shell prints, whose `aws` is the CLI: for commands as they stand in the documentation."""
        environment = self.environment()
        environment["PATH"] = f"{AWS.parent}{os.pathsep}{environment['PATH']}"
        return _run(["bash", "-euo", "pipefail", "-c", command], environment, seconds)

    def tail(self, *words: str, seconds: float = 60) -> str:
        """What `aws logs tail` of version 2 prints (in Debian, one from before AWS_ENDPOINT_URL)."""
        found = next((each for each in AWS_2 if each.exists()), None)
        assert found, "The AWS CLI, version 2, is missing. script/setup --dev installs it."
        environment = self.environment()
        environment.pop("AWS_DATA_PATH", None)
        here = ["--endpoint-url", self.keys["AWS_ENDPOINT_URL"]]
        return _run([str(found), "logs", "tail", *words, *here], environment, seconds)


def _wrong_in_json(service: str, operation: str, response: Mapping[str, Any]) -> list[str]:
    value = json.loads(response["body"])
    if response["status_code"] != 200:
        return sorted(set(value) - {"message", "__type"})
    shape = output_shape(service, operation)
    return problems(shape, value) if shape else []


def _wrong_in_xml(service: str, operation: str, response: Mapping[str, Any]) -> list[str]:
    if response["status_code"] == 200:
        return xml_answers.wrong_in(service, operation, response)
    answer = xml_answers.parsed(service, operation, response)
    told = {**answer["Error"], **answer["ResponseMetadata"]}
    return [name for name in ("Code", "Message", "RequestId") if not told.get(name)]


# The services that are answered here, by what they speak.
WRONG_IN = {
    **dict.fromkeys(("batch", "logs", "ecs"), _wrong_in_json),
    **dict.fromkeys(("sts", "ec2"), _wrong_in_xml),
}


def _run(words: Sequence[str], environment: Mapping[str, str], seconds: float) -> str:
    done = subprocess.run(
        words,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def _variables(environment: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
