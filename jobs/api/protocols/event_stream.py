"""AWS's event stream encoding: answers that go on, a message at a time.

Source: https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import struct
from binascii import crc32
from collections.abc import AsyncIterator, Mapping
from typing import Any

from botocore.model import OperationModel

from .json_body import write_object

CONTENT_TYPE = "application/vnd.amazon.eventstream"
PAYLOAD_TYPE = "application/json"
# Of a header's value: a text, with two bytes for its length.
_TEXT = 7
_PRELUDE_BYTES = 12
_CRC_BYTES = 4

# A member of the stream's shape by its name, and its content.
Event = tuple[str, Mapping[str, Any]]


async def messages(operation: OperationModel, output: Mapping[str, Any]) -> AsyncIterator[bytes]:
    """The messages of an answer: first its other members, then each event as it comes."""
    shape: Any = operation.get_event_stream_output()
    whole: Any = operation.output_shape
    name = next(name for name, member in whole.members.items() if member is shape)
    rest = {key: value for key, value in output.items() if key != name}
    yield message({":event-type": "initial-response"}, rest)
    async for kind, content in output[name]:
        is_error = shape.members[kind].metadata.get("exception")
        yield message({":exception-type" if is_error else ":event-type": kind}, content)


def message(headers: Mapping[str, str], content: Mapping[str, Any]) -> bytes:
    """One message with a JSON payload."""
    kind = "exception" if ":exception-type" in headers else "event"
    named = {":message-type": kind, **headers, ":content-type": PAYLOAD_TYPE}
    head = b"".join(_header(name, value) for name, value in named.items())
    payload = write_object(content)
    total = _PRELUDE_BYTES + len(head) + len(payload) + _CRC_BYTES
    prelude = struct.pack("!II", total, len(head))
    body = prelude + struct.pack("!I", crc32(prelude)) + head + payload
    return body + struct.pack("!I", crc32(body))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack("!B", len(key)) + key + struct.pack("!BH", _TEXT, len(text)) + text
