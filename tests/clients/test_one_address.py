"""The one address of the tests itself: signatures stay good, and each service answers at its own place."""

import os

import pytest

from .one_address import OneAddress
from .third_party import Ground

pytestmark = pytest.mark.processes


def test_objects_go_to_and_come_from_the_moto_server(ground: Ground) -> None:
    s3, content = ground.clients.boto("s3"), os.urandom(3 * 1024 * 1024)
    s3.put_object(Bucket=ground.bucket, Key="some/object", Body=content)
    assert s3.get_object(Bucket=ground.bucket, Key="some/object")["Body"].read() == content


def test_batch_and_its_companions_are_batchweb(ground: Ground, one_address: OneAddress) -> None:
    caller = ground.clients.boto("sts").get_caller_identity()
    assert caller["Arn"].endswith(":user/admin")
    groups = ground.clients.boto("logs").describe_log_groups()["logGroups"]
    assert "/aws/batch/job" in [group["logGroupName"] for group in groups]
    assert one_address.services >= {"batch", "sts", "logs"}
