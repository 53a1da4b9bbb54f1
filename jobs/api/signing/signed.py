"""What a request says about its signature, in its headers or in its query.

Source: AWS Identity and Access Management User Guide, "AWS Signature Version 4 for API requests".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from ..calls import Call
from .refusals import MISSING, Refusal, Why, incomplete

ALGORITHM = "AWS4-HMAC-SHA256"
TIMESTAMP = "%Y%m%dT%H%M%SZ"
MAX_EXPIRES_SECONDS = 7 * 24 * 3600
# What counts where a query says nothing of it.
DEFAULT_EXPIRES_SECONDS = 15 * 60
SHOWN_CHARACTERS = 100
# What is read of these decides what is done: nobody may add or change one on the way.
MUST_BE_SIGNED = ("x-amz-target", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token")
_TIMESTAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_SECONDS = re.compile(r"[0-9]{1,9}")
_PARAMETERS = ("Credential", "SignedHeaders", "Signature")


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature, and what it is said to be made of.

    `stamp` is `at` as it is signed; `expires_seconds` is None where the signature is in the headers.
    """

    access_key_id: str
    scope: str
    date: str
    region: str
    service: str
    terminator: str
    headers: tuple[str, ...]
    signature: str
    at: datetime
    stamp: str
    session_token: str
    payload: str
    expires_seconds: int | None = None


def read_signature(call: Call) -> Signed:
    """The signature of a request. Raises Refusal if there is none, or it is not in its form."""
    in_query = _of_query(call.query) if "X-Amz-" in call.query else {}
    authorization = call.headers.get("authorization", "")
    if not authorization:
        if "X-Amz-Algorithm" not in in_query:
            raise Refusal(Why.MISSING, MISSING)
        return _in_query(call, in_query)
    if "X-Amz-Algorithm" in in_query:
        raise incomplete("A request is signed in its headers or in its query, not in both.")
    return _in_headers(call, authorization)


def _in_headers(call: Call, authorization: str) -> Signed:
    algorithm, _, rest = authorization.partition(" ")
    _check_algorithm(algorithm)
    given: dict[str, str] = {}
    for part in rest.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name not in _PARAMETERS or name in given:
            raise incomplete(
                "The Authorization header must be: AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., "
                f"Signature=...; it has {_shown(part.strip())}."
            )
        given[name] = value
    missing = [name for name in _PARAMETERS if not given.get(name)]
    if missing:
        raise incomplete(
            " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
        )
    return _signed(
        call,
        given,
        at=_time_of_headers(call.headers),
        token=call.headers.get("x-amz-security-token", ""),
        payload=call.headers.get("x-amz-content-sha256", ""),
    )


def _in_query(call: Call, query: Mapping[str, str]) -> Signed:
    _check_algorithm(query["X-Amz-Algorithm"])
    given = {name: query.get(f"X-Amz-{name}", "") for name in _PARAMETERS}
    missing = [f"X-Amz-{name}" for name, value in given.items() if not value]
    if not query.get("X-Amz-Date"):
        missing.append("X-Amz-Date")
    if missing:
        raise incomplete(
            " ".join(f"AWS query-string parameters must include '{name}'." for name in missing)
        )
    return _signed(
        call,
        given,
        at=_time(query["X-Amz-Date"], "X-Amz-Date"),
        token=query.get("X-Amz-Security-Token", ""),
        payload=query.get("X-Amz-Content-Sha256", call.headers.get("x-amz-content-sha256", "")),
        expires_seconds=_expires(query.get("X-Amz-Expires")),
    )


def _signed(
    call: Call,
    given: Mapping[str, str],
    *,
    at: datetime,
    token: str,
    payload: str,
    expires_seconds: int | None = None,
) -> Signed:
    parts = given["Credential"].split("/")
    if len(parts) != 5 or not parts[0]:
        raise incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            f"keyid/date/region/service/term, got {_shown(given['Credential'])}."
        )
    if not _SIGNATURE.fullmatch(given["Signature"]):
        raise incomplete("Signature must be 64 hexadecimal digits in lower case.")
    access_key_id, date, region, service, terminator = parts
    return Signed(
        access_key_id=access_key_id,
        scope=f"{date}/{region}/{service}/{terminator}",
        date=date,
        region=region,
        service=service,
        terminator=terminator,
        headers=_signed_headers(call, given["SignedHeaders"]),
        signature=given["Signature"],
        at=at,
        stamp=at.strftime(TIMESTAMP),
        session_token=token,
        payload=payload,
        expires_seconds=expires_seconds,
    )


def _signed_headers(call: Call, text: str) -> tuple[str, ...]:
    names = tuple(text.split(";"))
    if list(names) != sorted(set(names)) or text != text.lower() or "" in names:
        raise incomplete(
            "SignedHeaders must be names in lower case, sorted, each once, with ; between them, "
            f"not {_shown(text)}."
        )
    if "host" not in names:
        raise incomplete(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )
    for name in MUST_BE_SIGNED:
        if name in call.headers and name not in names:
            raise incomplete(f"The header {name} is there, so it must be a 'SignedHeader', too.")
    return names


def _time_of_headers(headers: Mapping[str, str]) -> datetime:
    given = headers.get("x-amz-date")
    if given is not None:
        return _time(given, "X-Amz-Date")
    given = headers.get("date")
    if given is None:
        raise incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    if _TIMESTAMP.fullmatch(given):
        return _time(given, "Date")
    try:
        at = parsedate_to_datetime(given)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise incomplete(f"Date must be a date of HTTP, not {_shown(given)}.") from None


def _time(text: str, name: str) -> datetime:
    if _TIMESTAMP.fullmatch(text):
        try:
            # Several times as fast as strptime, and this is on the way of every request.
            day = int(text[:4]), int(text[4:6]), int(text[6:8])
            return datetime(*day, int(text[9:11]), int(text[11:13]), int(text[13:15]), tzinfo=UTC)
        except ValueError:
            pass
    raise incomplete(f"{name} must be in the form of 20260131T235959Z, not {_shown(text)}.")


def _expires(text: str | None) -> int:
    if text is None:
        return DEFAULT_EXPIRES_SECONDS
    if not _SECONDS.fullmatch(text) or not 1 <= int(text) <= MAX_EXPIRES_SECONDS:
        raise incomplete(
            f"X-Amz-Expires must be a number of seconds from 1 to {MAX_EXPIRES_SECONDS}, not {_shown(text)}."
        )
    return int(text)


def _check_algorithm(algorithm: str) -> None:
    if algorithm != ALGORITHM:
        raise incomplete(
            f"Only Signature Version 4 is understood here ({ALGORITHM}), not {_shown(algorithm)}."
        )


def _of_query(query: str) -> dict[str, str]:
    """The parameters of a signature in a query. Raises Refusal for one that is there twice."""
    found: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if not name.startswith("X-Amz-"):
            continue
        if name in found:
            raise incomplete(f"{_shown(name)} must be in the query once.")
        found[name] = unquote(value)
    return found


def _shown(text: str) -> str:
    cut = text[:SHOWN_CHARACTERS]
    return repr(cut if cut == text else f"{cut}...")
