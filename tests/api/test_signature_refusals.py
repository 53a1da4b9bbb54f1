"""When a signature counts, what it has to be like, and whose it has to be; each "no" in the words of its service."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.api.calls import Call
from jobs.api.door import answer
from jobs.api.errors import ApiError
from jobs.api.signing.authenticate import authenticate
from tests.builders import NOW, a_user

from .signing import Signer, a_signer, changed, signature_of

pytestmark = pytest.mark.django_db
MANY = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
WEEK = timedelta(days=7)


@pytest.fixture
def signer() -> Signer:
    return a_signer(a_user(username="ada"))


def refused(call: Call, service: str = "batch") -> ApiError:
    with pytest.raises(ApiError) as caught:
        authenticate(call, service, NOW)
    assert caught.value.status == 403
    return caught.value


@pytest.mark.parametrize("skew", [-15 * MINUTE, timedelta(0), 15 * MINUTE])
def test_clocks_may_differ_by_a_quarter_of_an_hour(signer: Signer, skew: timedelta) -> None:
    call = signer.with_(at=NOW + skew).in_headers()
    assert authenticate(call, "batch", NOW).user.get_username() == "ada"


@pytest.mark.parametrize(
    ("skew", "text"),
    [
        (
            -15 * MINUTE - SECOND,
            "Signature expired: 20260105T084459Z is now earlier than 20260105T084500Z "
            "(20260105T090000Z - 15 min.)",
        ),
        (
            15 * MINUTE + SECOND,
            "Signature not yet current: 20260105T091501Z is still later than 20260105T091500Z "
            "(20260105T090000Z + 15 min.)",
        ),
    ],
)
def test_a_clock_that_is_wrong_by_more_is_told_so(
    signer: Signer, skew: timedelta, text: str
) -> None:
    error = refused(signer.with_(at=NOW + skew).in_headers())
    assert (error.code, error.message) == ("InvalidSignatureException", text)
    for_sts = signer.with_(at=NOW + skew, service="sts").in_headers()
    assert refused(for_sts, "sts").code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(("age", "expires"), [(0, 1), (1, 1), (604_800, 604_800)])
def test_a_presigned_url_counts_as_long_as_it_says(signer: Signer, age: int, expires: int) -> None:
    at = NOW - age * SECOND
    call = signer.with_(at=at, expires_seconds=expires).in_query()
    assert authenticate(call, "batch", NOW).user.get_username() == "ada"


@pytest.mark.parametrize(
    ("at", "expires", "text"),
    [
        (NOW - 2 * SECOND, 1, "is now earlier than 20260105T085959Z (20260105T090000Z - 1 sec.)"),
        (NOW - WEEK - SECOND, 604_800, "Signature expired"),
        (NOW + 16 * MINUTE, 604_800, "Signature not yet current"),
    ],
)
def test_a_presigned_url_counts_no_longer_and_no_earlier(
    signer: Signer, at: object, expires: int, text: str
) -> None:
    error = refused(signer.with_(at=at, expires_seconds=expires).in_query())
    assert error.code == "InvalidSignatureException"
    assert text in error.message


@pytest.mark.parametrize("expires", ["0", "604801", "-1", "x", "", "1e3", "9" * 40, "\u0663"])
def test_a_presigned_url_lives_for_a_week_at_most(signer: Signer, expires: str) -> None:
    call = signer.in_query()
    error = refused(replace(call, query=call.query.replace("Expires=300", f"Expires={expires}")))
    assert error.code == "IncompleteSignatureException"
    assert "X-Amz-Expires must be a number of seconds from 1 to 604800" in error.message


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"region": "eu-west-1"}, "set AWS_REGION and AWS_DEFAULT_REGION to it"),
        ({"region": ""}, "Credential should be scoped to a valid region"),
        ({"service": "s3"}, "Credential should be scoped to correct service: 'batch'."),
    ],
)
def test_a_signature_for_elsewhere_is_told_so(
    signer: Signer, changes: dict[str, object], text: str
) -> None:
    error = refused(signer.with_(**changes).in_headers())
    assert error.code == "InvalidSignatureException"
    assert text in error.message


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2"])
def test_sts_may_be_asked_in_any_region(signer: Signer, settings: object, region: str) -> None:
    settings.BATCHWEB_AWS_REGION = "eu-west-1"  # type: ignore[attr-defined]
    call = signer.with_(service="sts", region=region).in_headers()
    assert authenticate(call, "sts", NOW).user.get_username() == "ada"
    assert refused(signer.in_headers()).code == "InvalidSignatureException"


def _with(**parts: str | None) -> Callable[[Call], Call]:
    """The Authorization header with other parts; None takes one away."""

    def change(call: Call) -> Call:
        kept: Mapping[str, str | None] = {**signature_of(call), **parts}
        text = ", ".join(f"{name}={value}" for name, value in kept.items() if value is not None)
        return changed(call, authorization=f"AWS4-HMAC-SHA256 {text}")

    return change


def _instead(text: str) -> Callable[[Call], Call]:
    return lambda call: changed(call, authorization=text)


MALFORMED: dict[str, tuple[Callable[[Call], Call], str]] = {
    "no credential": (_with(Credential=None), "requires 'Credential' parameter"),
    "an empty credential": (_with(Credential=""), "requires 'Credential' parameter"),
    "no headers": (_with(SignedHeaders=None), "requires 'SignedHeaders' parameter"),
    "no signature": (_with(Signature=None), "requires 'Signature' parameter"),
    "a part more": (_with(Extra="1"), "it has 'Extra=1'"),
    "a credential of four parts": (_with(Credential="a/b/c/d"), "5 slash-delimited elements"),
    "a credential of six parts": (_with(Credential="a/b/c/d/e/f"), "5 slash-delimited elements"),
    "a credential without an id": (_with(Credential="/b/c/d/e"), "5 slash-delimited elements"),
    "another terminator": (
        _with(Credential="AKIA/20260105/us-east-1/batch/aws5_request"),
        "a valid terminator: 'aws4_request'",
    ),
    "a signature that is none": (_with(Signature="x"), "64 hexadecimal digits"),
    "a signature in upper case": (_with(Signature="A" * 64), "64 hexadecimal digits"),
    "headers without the host": (_with(SignedHeaders="x-amz-date"), "must be a 'SignedHeader'"),
    "headers without their date": (_with(SignedHeaders="host"), "The header x-amz-date is there"),
    "headers in upper case": (_with(SignedHeaders="Host;x-amz-date"), "in lower case"),
    "headers out of order": (_with(SignedHeaders="x-amz-date;host"), "sorted"),
    "headers twice": (_with(SignedHeaders="host;host;x-amz-date"), "each once"),
    "an empty header": (_with(SignedHeaders=";host;x-amz-date"), "each once"),
    "only the algorithm": (_instead("AWS4-HMAC-SHA256"), "it has ''"),
    "no parts": (_instead("AWS4-HMAC-SHA256 x"), "it has 'x'"),
    "twice the same part": (
        _instead("AWS4-HMAC-SHA256 Signature=a, Signature=b"),
        "it has 'Signature=b'",
    ),
    "another algorithm": (
        _instead("AWS4-ECDSA-P256-SHA256 Credential=x"),
        "Only Signature Version 4 is understood here (AWS4-HMAC-SHA256)",
    ),
    "a token": (_instead("Bearer bw_x"), "Only Signature Version 4 is understood here"),
    "no date": (lambda call: changed(call, x_amz_date=None), "'X-Amz-Date' or a 'Date' header"),
    "a date that is none": (lambda call: changed(call, x_amz_date="now"), "20260131T235959Z"),
    "the 31st of February": (
        lambda call: changed(call, x_amz_date="20260231T000000Z"),
        "20260131T235959Z",
    ),
    "a date of digits of another script": (
        lambda call: changed(call, x_amz_date="\u0662" * 8 + "T000000Z"),
        "20260131T235959Z",
    ),
    "a date header that is none": (
        lambda call: changed(call, x_amz_date=None, date="tomorrow"),
        "Date must be a date of HTTP",
    ),
    "signed in the query, too": (
        lambda call: replace(call, query="X-Amz-Algorithm=AWS4-HMAC-SHA256"),
        "not in both",
    ),
    "a target that is not signed": (
        lambda call: changed(call, x_amz_target="Logs_20140328.GetLogEvents"),
        "The header x-amz-target is there",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_signature_that_is_not_whole_is_told_what_it_lacks(signer: Signer, name: str) -> None:
    change, text = MALFORMED[name]
    error = refused(change(signer.in_headers()))
    assert error.code == "IncompleteSignatureException"
    assert text in error.message


def test_the_day_of_the_credential_must_be_that_of_the_request(signer: Signer) -> None:
    credential = f"{signer.access_key_id}/20260104/us-east-1/batch/aws4_request"
    error = refused(_with(Credential=credential)(signer.in_headers()))
    assert error.code == "InvalidSignatureException"
    assert error.message.startswith("Date in Credential scope does not match YYYYMMDD")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("X-Amz-Signature=", "x=", "must include 'X-Amz-Signature'"),
        ("X-Amz-Date=", "x=", "must include 'X-Amz-Date'"),
        ("X-Amz-Credential=", "x=", "must include 'X-Amz-Credential'"),
        ("X-Amz-SignedHeaders=", "x=", "must include 'X-Amz-SignedHeaders'"),
        ("AWS4-HMAC-SHA256", "AWS4", "Only Signature Version 4"),
        ("X-Amz-Date=", "X-Amz-Date=1&X-Amz-Date=", "'X-Amz-Date' must be in the query once"),
        ("X-Amz-Date=2026", "X-Amz-Date=x", "X-Amz-Date must be in the form"),
    ],
)
def test_a_signed_query_that_is_not_whole_is_told_what_it_lacks(
    signer: Signer, old: str, new: str, text: str
) -> None:
    call = signer.in_query()
    error = refused(replace(call, query=call.query.replace(old, new)))
    assert error.code == "IncompleteSignatureException"
    assert text in error.message


@pytest.mark.parametrize("query", ["", "X-Amz-Date=20260105T090000Z", "X-Amz-Signature=x"])
def test_a_request_without_a_signature_is_told_so(query: str) -> None:
    call = Call("GET", "/v1/tags/x", query, {"host": "batch.example"})
    error = refused(call)
    assert error.code == "MissingAuthenticationTokenException"
    assert error.message == "Missing Authentication Token"
    assert refused(call, "sts").code == "MissingAuthenticationToken"


WORDS = st.sampled_from(
    [
        *("AWS4-HMAC-SHA256", "Credential", "SignedHeaders", "Signature", "=", ",", ", ", "/", ";"),
        *("host", "x-amz-date", "AKIA", "20260105", "us-east-1", "batch", "aws4_request", "0" * 64),
        *("X-Amz-Algorithm", "X-Amz-Date", "X-Amz-Expires", "&", "%", "%zz", "20260105T090000Z"),
        *("Mon, ", "05 ", "Jan ", "2026 ", "09:00:00 ", "GMT", "+9999", "-0000", " "),
    ]
)
TEXTS = st.lists(WORDS | st.text(max_size=5), max_size=25).map("".join)
# What a web server hands on is Latin-1.
WIRE = TEXTS.map(lambda text: text.encode("latin-1", "ignore").decode("latin-1"))


@MANY
@given(authorization=WIRE, query=WIRE, path=WIRE, date=WIRE, token=WIRE)
def test_no_signature_however_odd_is_more_than_refused(
    authorization: str, query: str, path: str, date: str, token: str
) -> None:
    headers = {
        "host": "batch.example",
        "authorization": authorization,
        "date": date,
        "x-amz-security-token": token,
    }
    found = answer(Call("POST", f"/v1/{path}", query, headers, b"{}"), NOW)
    assert found.status == 403
    assert json.loads(found.body)["message"]
    assert found.headers["x-amzn-ErrorType"]


@MANY
@given(date=WIRE)
def test_no_date_however_odd_is_more_than_refused(signer: Signer, date: str) -> None:
    refused(changed(signer.in_headers(), x_amz_date=None, date=date))


@pytest.mark.parametrize("key_id", ["%00", "AKIA%00", "%ff", "%F0%9F%8D%8E", "A" * 5000, "'"])
def test_no_key_id_however_odd_is_more_than_refused(signer: Signer, key_id: str) -> None:
    call = signer.in_query()
    odd = replace(call, query=call.query.replace(signer.access_key_id, key_id))
    assert refused(odd).code == "UnrecognizedClientException"
