"""What the tests hold XML answers against finds what is wrong with them."""

import pytest

from jobs.api.calls import Answer
from jobs.api.protocols.ec2_query import Ec2Query
from jobs.api.protocols.query import Query

from .xml_answers import wrong_in

INSTANCES = {
    "Reservations": [{"OwnerId": "1", "Instances": [{"InstanceId": "i-1", "AmiLaunchIndex": 0}]}]
}
IDENTITY = {"Account": "123456789012", "UserId": "AIDA", "Arn": "arn:aws:iam::123456789012:user/a"}


def answered(answer: Answer, before: str = "", after: str = "") -> dict[str, object]:
    """The answer as botocore gets it, with other text in its body."""
    body = answer.body.decode().replace(before, after).encode()
    return {"status_code": answer.status, "headers": answer.headers, "body": body}


def test_nothing_is_wrong_with_right_answers() -> None:
    identity = Query("sts").write("GetCallerIdentity", IDENTITY, "id")
    assert wrong_in("sts", "GetCallerIdentity", answered(identity)) == []
    instances = Ec2Query("ec2").write("DescribeInstances", INSTANCES, "id")
    assert wrong_in("ec2", "DescribeInstances", answered(instances)) == []


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ("ownerId", "ownerID", "DescribeInstances.reservationSet.item.ownerID"),
        ("<ownerId>", "<x><y/></x><ownerId>", "DescribeInstances.reservationSet.item.x"),
        ("instanceId", "instance", "DescribeInstances.reservationSet.item.instancesSet.item."),
    ],
)
def test_what_the_shape_does_not_have_is_found(before: str, after: str, where: str) -> None:
    instances = Ec2Query("ec2").write("DescribeInstances", INSTANCES, "id")
    (told,) = wrong_in("ec2", "DescribeInstances", answered(instances, before, after))
    assert told.startswith(where)


def test_a_value_that_is_too_short_is_found() -> None:
    identity = Query("sts").write("GetCallerIdentity", {**IDENTITY, "Arn": "arn"}, "id")
    (told,) = wrong_in("sts", "GetCallerIdentity", answered(identity))
    assert told.startswith("Arn: ")


def test_every_answer_says_its_id_in_a_header_too() -> None:
    for answer in (
        Ec2Query("ec2").write("DescribeInstances", INSTANCES, "some-id"),
        Query("sts").write("GetCallerIdentity", IDENTITY, "some-id"),
    ):
        assert answer.headers["x-amzn-RequestId"] == "some-id"
