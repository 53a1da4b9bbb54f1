"""A request in the one form that both sides sign. Source: "Create a signed AWS API request", task 1 and 2.

Everything here is text of the wire: characters are bytes (Latin-1), as the web server hands them on.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

from ..calls import Call
from .signed import ALGORITHM, Signed

SIGNATURE_PARAMETER = "X-Amz-Signature"


def texts_to_sign(call: Call, signed: Signed, payload: str) -> Iterator[str]:
    """The texts of which one has to be signed: SDKs write the same query in two ways."""
    before = f"{call.method}\n{canonical_path(call.path)}\n"
    names = ";".join(signed.headers)
    after = f"\n{canonical_headers(call.headers, signed.headers)}\n{names}\n{payload}"
    for query in canonical_queries(
        call.query, without_signature=signed.expires_seconds is not None
    ):
        digest = sha256(f"{before}{query}{after}".encode()).hexdigest()
        yield f"{ALGORITHM}\n{signed.stamp}\n{signed.scope}\n{digest}"


def canonical_path(path: str) -> str:
    """The path without empty and dot segments, encoded once more: so it is for all services but S3."""
    if path in {"", "/"}:
        return "/"
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    first = "/" if path[0] == "/" else ""
    last = "/" if path[-1] == "/" and segments else ""
    return quote(f"{first}{'/'.join(segments)}{last}", safe="/~", encoding="latin-1")


def canonical_queries(query: str, *, without_signature: bool) -> Iterator[str]:
    """The sorted query: as it was sent, which is how Python signs it, then in AWS's encoding, if that differs."""
    if not query:
        yield ""
        return
    pairs = [pair.partition("=")[::2] for pair in query.split("&")]
    if without_signature:
        pairs = [pair for pair in pairs if pair[0] != SIGNATURE_PARAMETER]
    as_sent = _joined([(_text(name), _text(value)) for name, value in pairs])
    yield as_sent
    encoded = _joined([(_encoded(name), _encoded(value)) for name, value in pairs])
    if encoded != as_sent:
        yield encoded


def canonical_headers(headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    """A line for each of the headers, in that order; one that is not there is an empty one."""
    return "".join(f"{name}:{' '.join(_text(headers.get(name, '')).split())}\n" for name in names)


def _joined(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encoded(text: str) -> str:
    """Whatever encoding it came in: `+` and `%20` are the same to those who read the query."""
    plain = unquote_to_bytes(text.replace("+", " ").encode("latin-1"))
    return quote_from_bytes(plain, safe="-_.~")


def _text(wire: str) -> str:
    """The characters that were meant: SDKs sign them in UTF-8, whichever way they were sent."""
    if wire.isascii():
        return wire
    try:
        return wire.encode("latin-1").decode()
    except UnicodeDecodeError:
        return wire
