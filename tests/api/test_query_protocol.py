"""AWS Query and EC2 Query: botocore reads our answers and errors, and we read its forms, good and bad."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from jobs.api.calls import Call
from jobs.api.catalogue import services
from jobs.api.errors import ApiError
from jobs.api.protocols.ec2_query import Ec2Query
from jobs.api.protocols.query import Query
from jobs.api.service_models import input_shape
from jobs.api.shapes import problems

from .asking import Refused
from .speaking import call_of, read

STS, EC2 = Query("sts"), Ec2Query("ec2")
# Not a service of ours, but one whose forms and answers have maps.
SPEAKERS: Mapping[str, Query] = {
    "sts": STS,
    "ec2": EC2,
    "sns": Query("sns"),
}


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("sts", "GetCallerIdentity", {}),
        (
            "sts",
            "AssumeRole",
            {
                "RoleArn": "arn:aws:iam::123456789012:role/é & co=1",
                "RoleSessionName": "session",
                "DurationSeconds": 900,
                "PolicyArns": [{"arn": f"arn:aws:iam::aws:policy/p{at}"} for at in range(12)],
                "Tags": [{"Key": "a", "Value": "b c+d=/"}, {"Key": "e", "Value": ""}],
                "TransitiveTagKeys": [],
            },
        ),
        (
            "sns",
            "CreatePlatformEndpoint",
            {"PlatformApplicationArn": "a", "Token": "t", "Attributes": {"x": "1", "y": ""}},
        ),
        (
            "ec2",
            "DescribeInstances",
            {
                "InstanceIds": ["i-1", "i-2"],
                "DryRun": True,
                "MaxResults": 5,
                "Filters": [
                    {"Name": "instance-id", "Values": [f"i-{at}" for at in range(11)]},
                    {"Name": "tag:x", "Values": ["\u00fc"]},
                ],
            },
        ),
        (
            "ec2",
            "RunInstances",
            {
                "MinCount": 1,
                "MaxCount": 2,
                "EbsOptimized": False,
                "BlockDeviceMappings": [{"DeviceName": "a", "Ebs": {"VolumeSize": 8}}],
            },
        ),
        ("ec2", "DescribeSpotPriceHistory", {"StartTime": datetime(2026, 1, 5, 9, tzinfo=UTC)}),
    ],
)
def test_a_form_of_botocores_is_read_back(
    service: str, operation: str, params: dict[str, Any]
) -> None:
    asked = SPEAKERS[service].read(call_of(service, operation, params))

    # botocore makes up tokens where the model says so.
    asked.params.pop("ClientToken", None)
    assert (asked.operation, asked.params) == (operation, params)
    shape: Any = input_shape(service, operation)
    assert shape is None or problems(shape, asked.params) == []


@pytest.mark.parametrize(
    ("service", "operation", "output"),
    [
        (
            "sts",
            "GetCallerIdentity",
            {"Account": "1", "UserId": "U", "Arn": "arn:aws:iam::1:user/ü<&>"},
        ),
        (
            "sts",
            "AssumeRole",
            {
                "Credentials": {
                    "AccessKeyId": "A" * 16,
                    "SecretAccessKey": "s",
                    "SessionToken": "t",
                    "Expiration": datetime(2026, 1, 5, 9, 0, 1, 500_000, tzinfo=UTC),
                },
                "PackedPolicySize": 3,
            },
        ),
        ("sns", "GetTopicAttributes", {"Attributes": {"Policy": "{}", "DisplayName": "ü"}}),
        ("ec2", "DescribeInstances", {"Reservations": []}),
        (
            "ec2",
            "DescribeInstances",
            {
                "NextToken": "n",
                "Reservations": [
                    {
                        "OwnerId": "1",
                        "Instances": [
                            {
                                "InstanceId": "i-1",
                                "EbsOptimized": True,
                                "State": {"Code": 16, "Name": "running"},
                                "Tags": [{"Key": "Name", "Value": "a"}, {"Key": "b", "Value": "c"}],
                            }
                        ],
                    }
                ],
            },
        ),
    ],
)
def test_botocore_reads_an_answer_back(
    service: str, operation: str, output: dict[str, Any]
) -> None:
    found = SPEAKERS[service].write(operation, {**output, "none": None}, "the-id")

    assert found.status == 200
    assert read(found, service, operation) == output


@pytest.mark.parametrize("service", ["sts", "ec2"])
@pytest.mark.parametrize("status", [400, 403, 500])
def test_botocore_reads_an_error(service: str, status: int) -> None:
    error = ApiError("SomeCode", "what & why <ü>\x00\x1b", status=status)
    operation = {"sts": "GetCallerIdentity", "ec2": "DescribeInstances"}[service]

    with pytest.raises(Refused) as refused:
        read(SPEAKERS[service].write_error(error, "the-id"), service, operation)

    assert (refused.value.code, refused.value.status) == ("SomeCode", status)
    assert refused.value.message == "what & why <ü>\ufffd\ufffd"


def test_a_request_may_be_in_the_address_alone() -> None:
    query = "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60&X-Amz-Signature=0"

    assert STS.read(Call("GET", "/", query, {})) == ("GetCallerIdentity", {})


FORM = b"Action=DescribeInstances&Version=2016-11-15&"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MissingAction"),
        (b"Action=", "MissingAction"),
        (b"Action=None", "InvalidAction"),
        (b"Action=" + b"x" * 10_000, "InvalidAction"),
        (b"{}", "MissingAction"),
        (b"\xff", "MalformedQueryString"),
        (FORM + b"a=%ff", "MalformedQueryString"),
        (FORM + b"&".join(b"a%d=" % at for at in range(10_001)), "MalformedQueryString"),
        (FORM + b".".join([b"a"] * 30) + b"=1", "MalformedQueryString"),
        (FORM + b"Filter=1&Filter.1.Name=x", "MalformedQueryString"),
        (FORM + b"Filter.1.Name=x&Filter=1", "MalformedQueryString"),
        (FORM + b"Filter.1=1&Filter.1.Name.x=x", "MalformedQueryString"),
    ],
)
def test_what_is_no_form_of_an_operation_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(ApiError) as refused:
        EC2.read(Call("POST", "/", "", {}, body))

    assert (refused.value.code, refused.value.status) == (code, 400)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("More=1", "More: Unknown member."),
        ("MaxResults=x", "MaxResults: This is an integer."),
        ("MaxResults=" + "9" * 5000, "MaxResults: This is an integer."),
        ("MaxResults=99999999999", "MaxResults: '?99999999999'? is too large."),
        ("MaxResults=", "MaxResults: This is an integer."),
        ("MaxResults.1=2", "MaxResults: This is an integer."),
        ("DryRun=maybe", "DryRun: This is true or false."),
        ("Filter=x", "Filters: This is a list."),
        ("Filter.x.Name=a", "Filters: This is a list."),
        ("Filter.-1.Name=a", "Filters: This is a list."),
        ("Filter.1=a", r"Filters\[0\]: This is an object."),
        ("Filter.1.Value=a", r"Filters\[0\].Values: This is a list."),
        ("Filter.1.Name.1=a", r"Filters\[0\].Name: This is a string."),
        ("Filter.1.Name.x.y=a", r"Filters\[0\].Name: This is a string."),
        ("InstanceId.9999999.x=a", "InstanceIds: This is a list."),
    ],
)
def test_values_that_do_not_fit_are_told_by_name(form: str, said: str) -> None:
    asked = EC2.read(Call("POST", "/", "", {}, FORM + form.encode()))
    shape: Any = input_shape("ec2", "DescribeInstances")
    wrong = problems(shape, asked.params)

    assert len(wrong) == 1
    assert re.match(said, wrong[0]), wrong


def test_items_come_in_the_order_of_their_numbers() -> None:
    body = FORM + b"&".join(b"InstanceId.%d=i-%d" % (at, at) for at in (10, 2, 1, 900))

    asked = EC2.read(Call("POST", "/", "", {}, body))

    assert asked.params == {"InstanceIds": ["i-1", "i-2", "i-10", "i-900"]}


@pytest.mark.parametrize("text", ["1e400", "inf", "-inf", "nan", "9" * 5000, "1e20", "x"])
def test_a_time_that_is_none_is_told_by_its_name(text: str) -> None:
    form = f"Action=DescribeSpotPriceHistory&StartTime={text}"
    asked = EC2.read(Call("POST", "/", "", {}, form.encode()))
    shape = input_shape("ec2", asked.operation)
    assert shape is not None
    assert any("StartTime" in each for each in problems(shape, asked.params))


@pytest.mark.parametrize("service", ["sts", "ec2"])
def test_of_an_operation_that_is_not_answered_nothing_is_read(service: str) -> None:
    protocol = services()[service].protocol
    action = {"sts": "AssumeRole", "ec2": "DescribeSpotPriceHistory"}[service]
    form = f"Action={action}&StartTime.a=1&StartTime=1e400&DurationSeconds=x"
    assert protocol.read(Call("POST", "/", "", {}, form.encode())) == (action, {})
