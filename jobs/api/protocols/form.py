"""Forms as AWS Query's services take them: `Filters.1.Name=...` becomes what the operation's shape says.

Nothing here refuses a value: what does not fit is handed on as it came, for `shapes` to say so.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.utils import parse_timestamp

from jobs.domain.numbers import is_whole

from ..calls import Call
from ..errors import ApiError

MAX_FIELDS = 10_000
MAX_DEPTH = 20
MAX_INDEX_DIGITS = 6
# Of the request itself, not of its operation.
COMMON = frozenset({"Action", "Version"})
SIGNATURE = "X-Amz-"

Node = str | dict[str, Any]


def read_form(call: Call, code: str) -> dict[str, str]:
    """The fields of a request's query and body. Raises ApiError with that code."""
    try:
        body = call.body.decode("utf-8")
        pairs = [
            pair
            for text in (call.query, body)
            for pair in parse_qsl(
                text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
            )
        ]
    except ValueError as error:
        raise ApiError(code, f"The request is no form in UTF-8: {error}"[:300]) from None
    return {name: value for name, value in pairs if not name.startswith(SIGNATURE)}


def params_of(
    shape: StructureShape | None, fields: Mapping[str, str], names: "WireNames", code: str
) -> dict[str, Any]:
    """A form's fields as the operation's members. Raises ApiError with that code."""
    tree: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in COMMON:
            _plant(tree, name, value, code)
    if shape is None:
        return tree
    value = _structure(shape, tree, names)
    assert isinstance(value, dict)
    return value


class WireNames:
    """How members and lists are called in a form of AWS Query."""

    def member(self, name: str, shape: Any) -> str:
        """The name of a structure's member."""
        if shape.type_name == "list" and self.is_flat(shape):
            return str(shape.member.serialization.get("name") or name)
        return str(shape.serialization.get("name") or name)

    def is_flat(self, shape: Shape) -> bool:
        """Whether a list's or a map's items stand directly below it."""
        return bool(shape.serialization.get("flattened"))

    def item(self, shape: ListShape) -> str:
        """What stands between a list that is not flat and its items."""
        return str(shape.member.serialization.get("name") or "member")


class Ec2Names(WireNames):
    """In a form of EC2's: names begin with a capital letter, lists are flat."""

    def member(self, name: str, shape: Any) -> str:
        """The name of a structure's member."""
        given = shape.serialization.get("queryName")
        other = str(shape.serialization.get("name") or name)
        return str(given) if given else other[:1].upper() + other[1:]

    def is_flat(self, shape: Shape) -> bool:
        """All are."""
        return True


def _plant(tree: dict[str, Any], name: str, value: str, code: str) -> None:
    *above, last = name.split(".")
    if len(above) >= MAX_DEPTH:
        raise ApiError(code, f"{name[:80]}: This has too many parts.")
    for part in above:
        below = tree.setdefault(part, {})
        if not isinstance(below, dict):
            raise ApiError(code, f"{name[:80]}: {part[:80]} has a value of its own.")
        tree = below
    if last in tree:
        raise ApiError(code, f"{name[:80]}: {last[:80]} has members of its own.")
    tree[last] = value


def _value(shape: Shape, node: Node, names: WireNames) -> Any:
    read = _READERS.get(shape.type_name)
    if read is not None:
        return read(shape, node, names)
    return node if isinstance(node, dict) else _scalar(shape, node)


def _structure(shape: StructureShape, node: Node, names: WireNames) -> Any:
    if not isinstance(node, dict):
        return node
    known = {names.member(name, member): name for name, member in shape.members.items()}
    return {
        known.get(key, key): _value(shape.members[known[key]], below, names)
        if key in known
        else below
        for key, below in node.items()
    }


def _list(shape: ListShape, node: Node, names: WireNames) -> Any:
    if node == "":
        return []
    if not names.is_flat(shape):
        item = names.item(shape)
        node = node.get(item, node) if isinstance(node, dict) else node
    ordered = _in_order(node)
    return node if ordered is None else [_value(shape.member, each, names) for each in ordered]


def _map(shape: MapShape, node: Node, names: WireNames) -> Any:
    if node == "":
        return {}
    if not names.is_flat(shape) and isinstance(node, dict):
        node = node.get("entry", node)
    key = shape.key.serialization.get("name") or "key"
    value = shape.value.serialization.get("name") or "value"
    entries = _in_order(node)
    if entries is None or not all(isinstance(each, dict) and key in each for each in entries):
        return node
    return {str(each[key]): _value(shape.value, each.get(value, ""), names) for each in entries}


def _in_order(node: Node) -> list[Any] | None:
    """What is numbered, by its numbers; None if it is not."""
    if not isinstance(node, dict):
        return None
    for key in node:
        if not is_whole(key, digits=MAX_INDEX_DIGITS):
            return None
    return [node[key] for key in sorted(node, key=int)]


def _scalar(shape: Shape, text: str) -> Any:
    try:
        if shape.type_name in ("integer", "long"):
            return int(text) if text.lstrip("+-").isdigit() and len(text) <= 20 else text
        if shape.type_name in ("float", "double"):
            return float(text)
        if shape.type_name == "timestamp":
            return parse_timestamp(text)
    # It answers numbers that no time has with RuntimeError or OverflowError.
    except (ValueError, RuntimeError, OverflowError):
        return text
    if shape.type_name == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    return text


_READERS: Mapping[str, Callable[[Any, Node, WireNames], Any]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
}
