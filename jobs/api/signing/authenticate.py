"""Signature Version 4: who makes a call, from how it is signed.

Source: AWS Identity and Access Management User Guide, "AWS Signature Version 4 for API requests" and "Troubleshoot
signed requests". It has no state: a request may be sent again, unchanged, as long as its time allows.
"""

import hmac
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from jobs.selectors.access.keys import Credentials, any_key_user, find_credentials
from jobs.selectors.realm import arns
from jobs.services.access.access_keys import UNREADABLE, decrypt_secret, is_session_token
from jobs.services.access.ciphers import Unreadable

from ..calls import Call, Caller
from .canonical import texts_to_sign
from .refusals import MISMATCH, TOKEN_EXPIRED, UNKNOWN_KEY, Refusal, Why, incomplete
from .signed import TIMESTAMP, Signed, read_signature

TERMINATOR = "aws4_request"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
SKEW = timedelta(minutes=15)
SIGNING_KEYS_KEPT = 1024
# It answers alike in every region, and some clients ask in one of their own choice (redun: us-west-2).
OF_ALL_REGIONS = "sts"
# What browsers send of themselves and no SDK does.
MARKS_OF_BROWSERS = ("origin", "sec-fetch-site", "sec-fetch-mode")

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
MAX_HOST_SHOWN = 100
ANY_KEY_ELSEWHERE = (
    "Other keys than users' own are taken at localhost and at the names in BATCHWEB_ALLOWED_HOSTS, "
    "not at"
)


def authenticate(call: Call, service: str, now: datetime) -> Caller:
    """Who makes a call to the service of that signing name. Raises ApiError in the words that SDKs understand."""
    try:
        return _verified(call, service, now)
    except Refusal as refusal:
        user = None if _is_of_a_browser(call) else any_key_user()
        if user is None:
            raise refusal.answered_by(service) from None
        host = call.headers.get("host", "")
        if not _is_our_own(host):
            said = f"{refusal} {ANY_KEY_ELSEWHERE} {host[:MAX_HOST_SHOWN]!r}."
            raise Refusal(refusal.why, said).answered_by(service) from None
        return Caller(user, arns(), address=call.address)


def _verified(call: Call, service: str, now: datetime) -> Caller:
    signed = read_signature(call)
    _check_scope(signed, service)
    _check_time(signed, now)
    credentials = find_credentials(signed.access_key_id)
    if credentials is None:
        raise Refusal(Why.UNKNOWN_KEY, UNKNOWN_KEY)
    key = signing_key(credentials.encrypted_secret, signed.date, signed.region, signed.service)
    payload = _payload(call, signed)
    if not any(_is_signature(text, key, signed) for text in texts_to_sign(call, signed, payload)):
        raise Refusal(Why.MISMATCH, MISMATCH)
    _check_session(credentials, signed, now)
    return Caller(
        credentials.user,
        arns(),
        credentials.access_key_id,
        credentials.attempt_id,
        credentials.key,
        call.address,
    )


def _check_scope(signed: Signed, service: str) -> None:
    if signed.terminator != TERMINATOR:
        raise incomplete(
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not {signed.terminator[:50]!r}."
        )
    if signed.date != signed.stamp[:8]:
        raise _elsewhere(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"{signed.date[:50]!r} != '{signed.stamp[:8]}', from '{signed.stamp}'."
        )
    region = settings.BATCHWEB_AWS_REGION
    if signed.region != region and (service != OF_ALL_REGIONS or not signed.region):
        raise _elsewhere(
            f"Credential should be scoped to a valid region, not {signed.region[:50]!r}. The region here is "
            f"'{region}': set AWS_REGION and AWS_DEFAULT_REGION to it, or give --region {region}."
        )
    if signed.service != service:
        raise _elsewhere(f"Credential should be scoped to correct service: '{service}'.")


def _check_time(signed: Signed, now: datetime) -> None:
    if signed.at > now + SKEW:
        raise _elsewhere(
            f"Signature not yet current: {signed.stamp} is still later than {_stamp(now + SKEW)} "
            f"({_stamp(now)} + 15 min.)"
        )
    expires = signed.expires_seconds
    allowed = SKEW if expires is None else timedelta(seconds=expires)
    if signed.at < now - allowed:
        words = "15 min." if expires is None else f"{expires} sec."
        raise _elsewhere(
            f"Signature expired: {signed.stamp} is now earlier than {_stamp(now - allowed)} "
            f"({_stamp(now)} - {words})"
        )


def _check_session(credentials: Credentials, signed: Signed, now: datetime) -> None:
    if credentials.session_digest:
        if not is_session_token(signed.session_token, credentials.session_digest):
            raise Refusal(Why.UNKNOWN_KEY, UNKNOWN_KEY)
    elif signed.session_token:
        raise Refusal(
            Why.UNKNOWN_KEY,
            f"{UNKNOWN_KEY} This access key is used without a session token: unset AWS_SESSION_TOKEN.",
        )
    if credentials.have_expired(now):
        raise Refusal(Why.TOKEN_EXPIRED, TOKEN_EXPIRED)


@lru_cache(maxsize=SIGNING_KEYS_KEPT)
def signing_key(encrypted_secret: bytes, date: str, region: str, service: str) -> bytes:
    """What a day's requests to a service are signed with. Raises Refusal where the secret cannot be read."""
    key = f"AWS4{_decrypted(encrypted_secret)}".encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _decrypted(stored: bytes) -> str:
    try:
        return decrypt_secret(stored)
    except Unreadable:
        raise Refusal(Why.UNKNOWN_KEY, f"{UNKNOWN_KEY} {UNREADABLE}") from None


def _payload(call: Call, signed: Signed) -> str:
    """What stands for the body in what is signed."""
    if signed.payload == UNSIGNED_PAYLOAD:
        return UNSIGNED_PAYLOAD
    digest = sha256(call.body).hexdigest()
    if signed.payload and not hmac.compare_digest(signed.payload.encode(), digest.encode()):
        raise Refusal(
            Why.MISMATCH,
            f"{MISMATCH} The header x-amz-content-sha256 is not the SHA-256 of the body.",
        )
    return digest


def _is_signature(text: str, key: bytes, signed: Signed) -> bool:
    made = hmac.digest(key, text.encode(), "sha256").hex()
    return hmac.compare_digest(made, signed.signature)


def _is_of_a_browser(call: Call) -> bool:
    """Without a signature to ask for, any page could make its reader's browser send such a request."""
    return any(mark in call.headers for mark in MARKS_OF_BROWSERS)


def _is_our_own(host: str) -> bool:
    """Whether a host is this server's by a name that nobody else can give to it (DNS rebinding)."""
    domain, _ = split_domain_port(host)
    named = [pattern for pattern in settings.ALLOWED_HOSTS if pattern != "*"]
    return bool(domain) and validate_host(domain, [*LOOPBACK, *named])


def _stamp(at: datetime) -> str:
    return at.strftime(TIMESTAMP)


def _elsewhere(text: str) -> Refusal:
    return Refusal(Why.ELSEWHERE, text)
