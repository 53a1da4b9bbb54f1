"""Answers of the services that speak XML (STS, EC2), held against the services' models."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

from botocore.parsers import ResponseParserFactory

from jobs.api.service_models import operation_model, output_shape, service_model
from jobs.api.shapes import problems

# Beside the members of the shape: the answer's own id.
BESIDE = {"requestId"}


def parsed(service: str, operation: str, response: Mapping[str, Any]) -> dict[str, Any]:
    """What botocore makes of an answer, with times as numbers, as JSON would have them."""
    factory = ResponseParserFactory()
    factory.set_parser_defaults(timestamp_parser=_seconds)
    parser = factory.create_parser(service_model(service).resolved_protocol)
    shape: Any = operation_model(service, operation).output_shape
    found: dict[str, Any] = parser.parse(dict(response), shape)
    return found


def wrong_in(service: str, operation: str, response: Mapping[str, Any]) -> list[str]:
    """What an answer has that its shape has not, or the other way round."""
    shape: Any = output_shape(service, operation)
    value = parsed(service, operation, response)
    assert value.pop("ResponseMetadata")["RequestId"]
    root = ElementTree.fromstring(response["body"])
    wrapper = shape.serialization.get("resultWrapper")
    found = next(each for each in root if _tag(each) == wrapper) if wrapper else root
    return [*problems(shape, value), *_unknown(shape, found, operation)]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _unknown(shape: Any, element: ElementTree.Element, where: str) -> Iterator[str]:
    """Elements that the shape does not have: botocore passes over them."""
    if shape.type_name == "structure":
        known = {
            member.serialization.get("name", name): member for name, member in shape.members.items()
        }
    elif shape.type_name == "list":
        known = {shape.member.serialization.get("name", "member"): shape.member}
    else:
        known = {}
    for child in element:
        tag = _tag(child)
        if tag in known:
            yield from _unknown(known[tag], child, f"{where}.{tag}")
        elif tag not in BESIDE:
            yield f"{where}.{tag} is not in the shape."
