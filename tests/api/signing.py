"""Requests as botocore signs them, and as they arrive here."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from unittest import mock
from urllib.parse import urlsplit

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from django.contrib.auth.models import User

from jobs.api.calls import Call
from jobs.services.access.access_keys import create_access_key
from tests.builders import NOW

ORIGIN = "http://batch.example:8000"
REGION = "us-east-1"
Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Signer:
    """Signs with an access key, for a service in a region, at a time."""

    access_key_id: str
    secret: str
    session_token: str | None = None
    service: str = "batch"
    region: str = REGION
    at: datetime = NOW
    expires_seconds: int = 300

    def with_(self, **changes: object) -> "Signer":
        return replace(self, **changes)  # type: ignore[arg-type]

    def in_headers(
        self,
        method: str = "POST",
        target: str = "/v1/describejobqueues",
        body: bytes = b"{}",
        headers: Headers = (("content-type", "application/json"),),
    ) -> Call:
        """The call that is signed in its headers."""
        request = _request(method, target, body, headers)
        with self._its_time():
            auth.SigV4Auth(self._credentials, self.service, self.region).add_auth(request)
        return arrived(request, body)

    def in_query(
        self, method: str = "GET", target: str = "/?Action=GetCallerIdentity", headers: Headers = ()
    ) -> Call:
        """The call that is signed in its query: a presigned URL."""
        request = _request(method, target, b"", headers)
        with self._its_time():
            auth.SigV4QueryAuth(
                self._credentials, self.service, self.region, expires=self.expires_seconds
            ).add_auth(request)
        return arrived(request, b"")

    @property
    def _credentials(self) -> Credentials:
        return Credentials(self.access_key_id, self.secret, self.session_token)

    @contextmanager
    def _its_time(self) -> Iterator[None]:
        with mock.patch.object(auth, "get_current_datetime", return_value=self.at):
            yield


def a_signer(user: User, **fields: object) -> Signer:
    """Somebody with a new access key of this user."""
    key, secret = create_access_key(user=user, name="test", now=NOW)
    return Signer(key.access_key_id, secret).with_(**fields)


def changed(call: Call, **headers: str | None) -> Call:
    """The call with other headers; None takes one away. `x_amz_date` is the header x-amz-date."""
    kept = dict(call.headers)
    for name, value in headers.items():
        kept.pop(name.replace("_", "-"), None)
        if value is not None:
            kept[name.replace("_", "-")] = value
    return replace(call, headers=kept)


def arrived(request: AWSRequest, body: bytes) -> Call:
    """What the web server hands on: headers joined where there are several, without blanks around them."""
    assert request.method is not None
    url = urlsplit(request.prepare().url)
    headers: dict[str, str] = {"host": url.netloc}
    for name, value in request.headers.items():
        text = value.strip(" \t")
        key = name.lower()
        headers[key] = f"{headers[key]},{text}" if key in headers and key != "host" else text
    return Call(request.method, url.path, url.query, headers, body)


def signature_of(call: Call) -> Mapping[str, str]:
    """The parts of a call's Authorization header."""
    parts = call.headers["authorization"].partition(" ")[2].split(", ")
    return dict(part.split("=", 1) for part in parts)


def _request(method: str, target: str, body: bytes, headers: Headers) -> AWSRequest:
    request = AWSRequest(method, ORIGIN + target, data=body)
    for name, value in headers:
        request.headers.add_header(name, value)
    return request
