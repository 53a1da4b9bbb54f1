"""Outputs as XML, in the shapes of AWS Query's services."""

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

from botocore.model import Shape, StructureShape

CONTENT_TYPE = "text/xml;charset=UTF-8"
# What XML 1.0 cannot hold, however it is written.
_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(root: ElementTree.Element) -> bytes:
    """The whole of it, with its declaration."""
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def element(
    name: str, *children: ElementTree.Element, text: str = "", **more: str
) -> ElementTree.Element:
    """An element with children or a text."""
    made = ElementTree.Element(name, more)
    made.extend(children)
    if text:
        made.text = _UNFIT.sub("\ufffd", text)
    return made


def members(shape: StructureShape, value: Mapping[str, Any]) -> list[ElementTree.Element]:
    """A structure's members, without those that are None."""
    found: list[ElementTree.Element] = []
    member: Any
    for name, member in shape.members.items():
        each = value.get(name)
        if each is None:
            continue
        if member.type_name == "list" and member.serialization.get("flattened"):
            tag = member.member.serialization.get("name") or _name(member, name)
            found += [_element(member.member, tag, item) for item in each]
        else:
            found.append(_element(member, _name(member, name), each))
    return found


def _name(shape: Shape, default: str) -> str:
    return str(shape.serialization.get("name") or default)


def _element(shape: Any, name: str, value: Any) -> ElementTree.Element:
    if shape.type_name == "structure":
        return element(name, *members(shape, value))
    if shape.type_name == "list":
        tag = shape.member.serialization.get("name") or "member"
        return element(name, *(_element(shape.member, tag, each) for each in value))
    if shape.type_name == "map":
        return element(name, *(_entry(shape, key, each) for key, each in value.items()))
    return element(name, text=_text(value))


def _entry(shape: Any, key: str, value: Any) -> ElementTree.Element:
    return element(
        "entry",
        element(_name(shape.key, "key"), text=key),
        _element(shape.value, _name(shape.value, "value"), value),
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return str(value)
