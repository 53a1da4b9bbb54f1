"""What is signed rightly is accepted, however odd; whatever is changed on the way is refused."""

from collections.abc import Callable
from dataclasses import replace
from unittest import mock
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.api.calls import Call
from jobs.api.errors import ApiError
from jobs.api.signing.authenticate import authenticate
from jobs.models import AccessKey
from jobs.services.access.access_keys import encrypt_secret
from tests.builders import NOW, a_user

from .signing import Signer, a_signer, changed, signature_of

pytestmark = pytest.mark.django_db

# Names of headers that an SDK or a proxy may send, of which botocore signs all but its own few.
HEADER_NAMES = st.from_regex(r"x-[a-z0-9]{1,8}", fullmatch=True) | st.sampled_from(
    ["content-type", "accept", "user-agent", "x-amzn-trace-id", "amz-sdk-request"]
)


def is_one_thing(value: str) -> bool:
    """Whether a header can mean one thing alone.

    Python sends Latin-1 and signs UTF-8: where the bytes sent are UTF-8, too, they mean that. And it signs a header
    without the blanks of other scripts around it, which nobody can tell where there are several of its name.
    """
    if value.strip() != value.strip(" \t"):
        return False
    try:
        return value.encode("latin-1").decode().isascii()
    except UnicodeDecodeError:
        return True


# Characters that HTTP can carry in a header.
HEADER_VALUES = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30
).filter(is_one_thing)
# Text that has UTF-8.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SEGMENTS = st.lists(TEXTS | st.sampled_from(["", ".", "..", "v1", "tags", "%", "a b"]), max_size=5)
MANY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def signer() -> Signer:
    return a_signer(a_user(username="ada"))


def user_of(call: Call, service: str = "batch") -> str:
    return authenticate(call, service, NOW).user.get_username()


def refused(call: Call, service: str = "batch") -> ApiError:
    with pytest.raises(ApiError) as caught:
        authenticate(call, service, NOW)
    return caught.value


def target_of(segments: list[str], pairs: list[tuple[str, str]]) -> str:
    path = "/" + "/".join(quote(segment, safe="") for segment in segments)
    query = "&".join(
        f"{quote(name, safe='-._~')}={quote(value, safe='-._~')}" for name, value in pairs
    )
    return f"{path}?{query}" if pairs else path


@MANY
@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PUT"]),
    segments=SEGMENTS,
    pairs=st.lists(st.tuples(TEXTS, TEXTS), max_size=5),
    headers=st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=5),
    body=st.binary(max_size=50),
    service=st.sampled_from(["batch", "logs", "ecs", "sts", "ec2"]),
)
def test_whatever_botocore_signs_in_headers_is_accepted(
    signer: Signer,
    method: str,
    segments: list[str],
    pairs: list[tuple[str, str]],
    headers: list[tuple[str, str]],
    body: bytes,
    service: str,
) -> None:
    # A query that looks signed is another test's.
    target = target_of(segments, [pair for pair in pairs if not pair[0].startswith("X-Amz-")])
    call = signer.with_(service=service).in_headers(method, target, body, headers)
    assert user_of(call, service) == "ada"


@MANY
@given(
    segments=SEGMENTS,
    pairs=st.lists(st.tuples(TEXTS, TEXTS), max_size=5),
    headers=st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=3),
)
def test_whatever_botocore_signs_in_a_query_is_accepted(
    signer: Signer,
    segments: list[str],
    pairs: list[tuple[str, str]],
    headers: list[tuple[str, str]],
) -> None:
    target = target_of(segments, [pair for pair in pairs if not pair[0].startswith("X-Amz-")])
    assert user_of(signer.in_query("GET", target, headers)) == "ada"


@pytest.mark.parametrize(
    ("sent", "signed"),
    [
        # Signed in AWS's encoding, but sent as a form would send it.
        ("name=a+b", "name=a%20b"),
        ("name=a%7Eb", "name=a~b"),
        ("name=%c3%a9", "name=%C3%A9"),
        ("name=a/b:c", "name=a%2Fb%3Ac"),
        ("b=1&a=2&a=1&A=3", "A=3&a=1&a=2&b=1"),
        ("flag", "flag="),
        ("a=b=c", "a=b%3Dc"),
    ],
)
def test_a_query_is_the_same_in_every_encoding(signer: Signer, sent: str, signed: str) -> None:
    call = signer.in_headers("GET", f"/v1/tags/x?{signed}")
    assert user_of(replace(call, query=sent)) == "ada"


@pytest.mark.parametrize("value", ["caf\u00e9", "caf\u00e9".encode().decode("latin-1")])
def test_a_header_is_the_same_in_both_encodings_that_clients_send(
    signer: Signer, value: str
) -> None:
    call = signer.in_headers(headers=[("x-name", "caf\u00e9")])
    assert user_of(changed(call, x_name=value)) == "ada"


def test_blanks_in_a_header_count_once(signer: Signer) -> None:
    call = signer.in_headers(headers=[("x-name", "a   b"), ("x-name", "  c")])
    assert user_of(changed(call, x_name="a b,c")) == "ada"


def test_a_date_header_does_as_well(signer: Signer) -> None:
    call = signer.in_headers(headers=[("date", "replaced by the signer")])
    assert "x-amz-date" not in call.headers
    assert user_of(call) == "ada"


def test_a_date_header_may_have_the_form_of_x_amz_date(signer: Signer) -> None:
    def set_date(_: SigV4Auth, request: AWSRequest) -> None:
        request.headers["Date"] = request.context["timestamp"]

    with mock.patch.object(SigV4Auth, "_set_necessary_date_headers", set_date):
        call = signer.in_headers()
    assert call.headers["date"] == "20260105T090000Z"
    assert user_of(call) == "ada"


@pytest.mark.parametrize("in_query", [False, True])
def test_a_body_may_be_left_out_of_the_signature_by_who_signs(
    signer: Signer, in_query: bool
) -> None:
    headers = [("x-amz-content-sha256", "UNSIGNED-PAYLOAD")]
    call = signer.in_query("POST", "/", headers) if in_query else signer.in_headers(headers=headers)
    assert user_of(replace(call, body=b"another")) == "ada"


def test_a_hash_of_the_body_that_is_told_must_be_its_hash(signer: Signer) -> None:
    right = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    call = signer.in_headers(headers=[("x-amz-content-sha256", right)])
    assert user_of(call) == "ada"
    error = refused(replace(call, body=b"{ }"))
    assert error.code == "SignatureDoesNotMatch"
    assert "x-amz-content-sha256" in error.message


@pytest.mark.parametrize("told", ["STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x", "\u00e9", " "])
def test_no_other_word_stands_for_a_body(signer: Signer, told: str) -> None:
    error = refused(signer.in_headers(headers=[("x-amz-content-sha256", told)]))
    assert (error.code, error.status) == ("SignatureDoesNotMatch", 403)


CHANGES: dict[str, Callable[[Call], Call]] = {
    "method": lambda call: replace(call, method="GET"),
    "path": lambda call: replace(call, path="/v1/submitjob"),
    "a slash at the end of the path": lambda call: replace(call, path=f"{call.path}/"),
    "upper case in the path": lambda call: replace(call, path=call.path.upper()),
    "a parameter more": lambda call: replace(call, query="a=1&b=2&c=3"),
    "a parameter less": lambda call: replace(call, query="a=1"),
    "another value": lambda call: replace(call, query="a=1&b=3"),
    "a plus for an encoded plus": lambda call: replace(call, query="a=1&b=2+"),
    "body": lambda call: replace(call, body=b'{"maxResults": 1}'),
    "no body": lambda call: replace(call, body=b""),
    "a signed header": lambda call: changed(call, content_type="text/plain"),
    "a signed header gone": lambda call: changed(call, content_type=None),
    "the host": lambda call: changed(call, host="other.example"),
    "the time": lambda call: changed(call, x_amz_date="20260105T090001Z"),
    "the signature": lambda call: changed(
        call,
        authorization=call.headers["authorization"].replace(
            signature_of(call)["Signature"], "0" * 64
        ),
    ),
    "fewer signed headers": lambda call: changed(
        call, authorization=call.headers["authorization"].replace("content-type;", "")
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_changed_on_the_way_is_noticed(signer: Signer, change: str) -> None:
    call = signer.in_headers(target="/v1/describejobqueues?a=1&b=2")
    assert user_of(call) == "ada"
    error = refused(CHANGES[change](call))
    assert (error.code, error.status) == ("SignatureDoesNotMatch", 403)
    assert error.message.startswith("The request signature we calculated does not match")


@MANY
@given(data=st.data())
def test_a_change_of_any_character_of_a_presigned_query_is_refused(
    signer: Signer, data: st.DataObject
) -> None:
    call = signer.in_query(target="/v1/tags/x?name=value&other=1")
    at = data.draw(st.integers(0, len(call.query) - 1))
    # None that are two ways of writing the same, as %2f and %2F are.
    other = data.draw(st.sampled_from("ghjkxyz0123456789").filter(lambda c: c != call.query[at]))
    changed_query = call.query[:at] + other + call.query[at + 1 :]
    assert refused(replace(call, query=changed_query)).status == 403


def test_another_key_of_the_same_user_does_not_do(signer: Signer) -> None:
    other = a_signer(a_user())
    call = signer.with_(secret=other.secret).in_headers()
    assert refused(call).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("batch", "UnrecognizedClientException"),
        ("logs", "UnrecognizedClientException"),
        ("sts", "InvalidClientTokenId"),
        ("ec2", "AuthFailure"),
    ],
)
def test_an_unknown_key_is_refused_in_the_services_own_words(
    signer: Signer, service: str, code: str
) -> None:
    call = signer.with_(access_key_id="AKIAUNKNOWN", service=service).in_headers()
    error = refused(call, service)
    assert (error.code, error.status) == (code, 403)
    assert error.message == "The security token included in the request is invalid."


# From the test suite that AWS published for Signature Version 4.
PUBLISHED = {
    "get-vanilla": (
        ("GET", "/", "", {}, b""),
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-vanilla-query-order-key-case": (
        ("GET", "/", "Param2=value2&Param1=value1", {}, b""),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-header-value-trim": (
        ("GET", "/", "", {"my-header1": "value1", "my-header2": '"a   b   c"'}, b""),
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    "get-utf8": (
        ("GET", "/\u1234".encode().decode("latin-1"), "", {}, b""),
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    "post-x-www-form-urlencoded": (
        (
            "POST",
            "/",
            "",
            {"content-type": "application/x-www-form-urlencoded"},
            b"Param1=value1",
        ),
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_aws_published_is_accepted(name: str) -> None:
    (method, path, query, headers, body), signature = PUBLISHED[name]
    AccessKey.objects.create(
        user=a_user(username="ada"),
        name="published",
        access_key_id="AKIDEXAMPLE",
        encrypted_secret=encrypt_secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        created_at=NOW,
    )
    given_headers = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z", **headers}
    authorization = (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={';'.join(sorted(given_headers))}, Signature={signature}"
    )
    call = Call(method, path, query, {**given_headers, "authorization": authorization}, body)
    at = NOW.replace(year=2015, month=8, day=30, hour=12, minute=36)
    assert authenticate(call, "service", at).user.get_username() == "ada"
