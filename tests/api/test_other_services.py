"""Services that are not here say so in their own format, to those who may ask."""

from typing import Any

import pytest
from botocore.parsers import create_parser
from django.utils import timezone

from jobs.api import door
from jobs.api.calls import Call
from jobs.api.routing import is_for_the_api, service_of
from jobs.api.service_models import operation_model, service_model
from tests.builders import a_user

from .asking import Refused, a_caller
from .speaking import call_of, read, signed_for

pytestmark = pytest.mark.django_db

REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("s3", "ListBuckets", {}),
    ("s3", "GetObject", {"Bucket": "b", "Key": "k"}),
    ("s3", "PutObject", {"Bucket": "b", "Key": "v1/k", "Body": b"x"}),
    ("dynamodb", "ListTables", {}),
    ("sqs", "ListQueues", {}),
    ("sns", "ListTopics", {}),
    ("iam", "GetUser", {}),
    ("lambda", "ListFunctions", {}),
    ("secretsmanager", "ListSecrets", {}),
    ("ecr", "GetAuthorizationToken", {}),
    ("events", "ListRules", {}),
    ("route53", "ListHostedZones", {}),
    ("cloudwatch", "ListMetrics", {}),
    ("stepfunctions", "ListStateMachines", {}),
]


@pytest.mark.parametrize(("service", "operation", "params"), REQUESTS)
def test_an_error_is_in_the_services_own_format(
    service: str, operation: str, params: dict[str, Any]
) -> None:
    call = call_of(service, operation, params)
    signing_name = service_model(service).signing_name
    call.headers.update(signed_for(signing_name))  # type: ignore[attr-defined]
    assert is_for_the_api(call)

    found = door.answer_to(a_caller(a_user()), call, timezone.now())

    with pytest.raises(Refused) as refused:
        read(found, service, operation)
    assert (refused.value.code, refused.value.status) == ("NotImplemented", 501)
    assert f"{signing_name} is not supported here" in refused.value.message
    assert "AWS_ENDPOINT_URL_BATCH" in refused.value.message


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_json_comes_back_in_the_version_that_was_sent(version: str) -> None:
    headers = {
        "x-amz-target": "DynamoDB_20120810.ListTables",
        "content-type": f"application/x-amz-json-{version}",
    }

    found = door.answer_to(a_caller(a_user()), Call("POST", "/", "", headers), timezone.now())

    assert found.headers["Content-Type"] == f"application/x-amz-json-{version}"
    assert b"DynamoDB_20120810 is not supported here" in found.body


def test_who_has_not_signed_is_told_that_first() -> None:
    call = call_of("s3", "ListBuckets", {})

    found = door.answer(call)

    assert found.status == 403
    shape: Any = operation_model("s3", "ListBuckets").output_shape
    response = {"status_code": 403, "headers": {}, "body": found.body}
    parsed = create_parser("rest-xml").parse(response, shape)
    assert parsed["Error"]["Code"] != "NotImplemented"


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (Call("POST", "/v1/submitjob", "", {}), "batch"),
        (Call("POST", "/v1/submitjob", "", signed_for("s3")), "batch"),
        (Call("GET", "/", "", signed_for("batch")), "batch"),
        (Call("POST", "/", "", {"x-amz-target": "Logs_20140328.GetLogEvents"}), "logs"),
        (Call("POST", "/", "", signed_for("logs")), "logs"),
        (
            Call("POST", "/", "", {"x-amz-target": "AmazonEC2ContainerServiceV20141113.X"}),
            "ecs",
        ),
        (Call("POST", "/", "", signed_for("sts")), "sts"),
        (Call("POST", "/", "", signed_for("ec2")), "ec2"),
        (
            Call(
                "GET",
                "/",
                "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20260105%2Fus-east-1%2Fs3%2Faws4_request",
                {},
            ),
            "s3",
        ),
        (Call("GET", "/", "X-Amz-Algorithm=x", {}), "sts"),
        (Call("GET", "/", "X-Amz-Credential=%ff/&X-Amz-Algorithm=x", {}), "sts"),
        (Call("POST", "/", "", {"x-amz-target": "." * 100}), "sts"),
        (Call("POST", "/", "", {"x-amz-target": "x" * 10_000}), "x" * 64),
    ],
)
def test_a_call_finds_its_service(call: Call, name: str) -> None:
    assert service_of(call).name == name
