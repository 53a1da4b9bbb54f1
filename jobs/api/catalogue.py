"""The services that are answered here, and what each speaks."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from . import batch, ec2, ecs, logs, sts
from .calls import Call, Operation
from .protocols import aws_json, ec2_query, query, rest_json
from .protocols.base import Protocol
from .protocols.elsewhere import Elsewhere


@dataclass(frozen=True, slots=True)
class Service:
    """A service: botocore's name of it, what it signs as, how it speaks, and what of it there is here."""

    name: str
    protocol: Protocol
    operations: Mapping[str, Operation]

    @property
    def signing_name(self) -> str:
        return self.name


def elsewhere(name: str, call: Call) -> Service:
    """A service that is not here, by what it signs as."""
    return Service(name, Elsewhere(name, call), {})


@cache
def services() -> Mapping[str, Service]:
    """Each service by its name."""
    found = (
        Service("batch", rest_json.RestJson("batch"), batch.operations()),
        Service("logs", aws_json.AwsJson("logs"), logs.operations()),
        Service("ecs", aws_json.AwsJson("ecs"), ecs.operations()),
        Service("sts", query.Query("sts", sts.operations()), sts.operations()),
        Service("ec2", ec2_query.Ec2Query("ec2", ec2.operations()), ec2.operations()),
    )
    return MappingProxyType({service.name: service for service in found})
