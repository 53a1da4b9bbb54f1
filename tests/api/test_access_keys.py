"""Whose keys are good, for how long, and what a request costs that is signed with one."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import override_settings

from jobs.api.calls import Call, Caller
from jobs.api.door import answer
from jobs.api.errors import ApiError
from jobs.api.logs.sessions import user_now
from jobs.api.signing.authenticate import authenticate, signing_key
from jobs.domain.errors import InvalidInput, NotFound
from jobs.models import AccessKey, JobCredentials
from jobs.services.access import access_keys
from jobs.services.access.access_keys import (
    UNREADABLE,
    create_access_key,
    encrypt_secret,
    problem_of,
    revoke_access_key,
    session_digest,
)
from tests.builders import NOW, a_job, a_user, an_attempt

from .signing import Signer, a_signer, changed

pytestmark = pytest.mark.django_db
INVALID = "The security token included in the request is invalid."
TOKEN = "token of the session"


@pytest.fixture
def ada() -> User:
    return a_user(username="ada")


@pytest.fixture
def signer(ada: User) -> Signer:
    return a_signer(ada)


def caller_of(call: Call) -> Caller:
    return authenticate(call, "batch", NOW)


def refused(call: Call) -> ApiError:
    with pytest.raises(ApiError) as caught:
        caller_of(call)
    return caught.value


def test_a_key_has_the_form_of_those_of_aws(ada: User) -> None:
    key, secret = create_access_key(user=ada, name=" laptop ", now=NOW)
    assert re.fullmatch("AKIA[A-Z2-7]{16}", key.access_key_id)
    assert re.fullmatch("[A-Za-z0-9+/]{40}", secret)
    assert (key.name, key.user, key.revoked_at) == ("laptop", ada, None)


def test_a_secret_is_stored_encrypted(ada: User) -> None:
    _, secret = create_access_key(user=ada, name="laptop", now=NOW)
    assert secret not in " ".join(str(value) for value in AccessKey.objects.values().get().values())


@pytest.mark.parametrize("name", [None, 1, "", " ", "x" * 129, "a\0b", "a\nb"])
def test_a_key_needs_a_printable_name(ada: User, name: object) -> None:
    with pytest.raises(InvalidInput, match="printable"):
        create_access_key(user=ada, name=name, now=NOW)
    assert not AccessKey.objects.exists()


def test_a_user_has_not_more_keys_than_he_can_oversee(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_keys, "MAX_KEYS_PER_USER", 1)
    first, _ = create_access_key(user=ada, name="first", now=NOW)
    with pytest.raises(InvalidInput, match="At most 1 access keys: revoke one first"):
        create_access_key(user=ada, name="second", now=NOW)
    revoke_access_key(user=ada, key_id=first.pk, now=NOW)
    create_access_key(user=ada, name="second", now=NOW)


def test_who_calls_is_the_owner_of_the_key(signer: Signer, ada: User) -> None:
    caller = caller_of(signer.in_headers())
    assert (caller.user, caller.access_key_id) == (ada, signer.access_key_id)
    assert caller.attempt_id is None
    assert caller.arns.account == "123456789012"


@pytest.mark.parametrize("is_staff", [False, True])
def test_what_a_caller_may_do_is_known_without_another_query(
    signer: Signer, ada: User, is_staff: bool, django_assert_num_queries: Any
) -> None:
    User.objects.filter(pk=ada.pk).update(is_staff=is_staff, is_superuser=is_staff)
    call = signer.in_headers()
    caller_of(call)
    with django_assert_num_queries(1):
        user = caller_of(call).user
        assert (user.is_staff, user.is_superuser, user.is_active) == (is_staff, is_staff, True)
        assert (user.pk, user.get_username()) == (ada.pk, "ada")


def test_the_rest_of_a_user_is_there_when_asked_for(signer: Signer, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(email="ada@example.com")
    assert caller_of(signer.in_headers()).user.email == "ada@example.com"


def test_a_request_that_is_refused_is_no_use_of_the_key(signer: Signer) -> None:
    found = answer(replace(signer.in_headers(), body=b""), NOW)
    assert (found.status, found.afterwards) == (403, None)


def test_a_revoked_key_is_refused_at_once(signer: Signer, ada: User) -> None:
    call = signer.in_headers()
    caller_of(call)
    revoke_access_key(user=ada, key_id=AccessKey.objects.get().pk, now=NOW)
    error = refused(call)
    assert (error.code, error.message) == ("UnrecognizedClientException", INVALID)


def test_revoking_twice_keeps_the_first_time(ada: User) -> None:
    key, _ = create_access_key(user=ada, name="laptop", now=NOW)
    revoke_access_key(user=ada, key_id=key.pk, now=NOW)
    later = revoke_access_key(user=ada, key_id=key.pk, now=NOW + timedelta(days=1))
    assert later.revoked_at == NOW


def test_nobody_revokes_the_key_of_another(ada: User) -> None:
    key, _ = create_access_key(user=ada, name="laptop", now=NOW)
    with pytest.raises(NotFound):
        revoke_access_key(user=a_user(), key_id=key.pk, now=NOW)
    key.refresh_from_db()
    assert key.revoked_at is None


def test_the_key_of_a_user_who_is_not_active_is_refused(signer: Signer, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert refused(signer.in_headers()).message == INVALID


def test_after_a_change_of_secret_key_a_key_says_why_it_is_of_no_use(signer: Signer) -> None:
    key = AccessKey.objects.get()
    assert problem_of(key) == ""
    with override_settings(SECRET_KEY="another"):
        error = refused(signer.in_headers())
        assert error.code == "UnrecognizedClientException"
        assert error.message == f"{INVALID} {UNREADABLE}"
        assert problem_of(key) == UNREADABLE
        revoked = revoke_access_key(user=key.user, key_id=key.pk, now=NOW)
        assert problem_of(revoked) == ""


def test_a_key_outlives_secret_key_as_long_as_that_is_a_fallback(signer: Signer) -> None:
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=["only-for-tests"]):
        assert caller_of(signer.in_headers()).access_key_id == signer.access_key_id


def test_keys_are_derived_once_a_day_and_no_more_are_kept_than_fit(signer: Signer) -> None:
    signing_key.cache_clear()
    for _ in range(3):
        caller_of(signer.in_headers())
    assert (signing_key.cache_info().misses, signing_key.cache_info().hits) == (1, 2)
    assert signing_key.cache_info().maxsize


def test_a_lasting_key_goes_without_a_session_token(signer: Signer) -> None:
    error = refused(signer.with_(session_token="of AWS itself").in_headers())
    assert error.code == "UnrecognizedClientException"
    assert "unset AWS_SESSION_TOKEN" in error.message


# --- credentials of jobs ----------------------------------------------------------------------


@pytest.fixture
def job_signer(ada: User) -> Signer:
    """The container of a job of Ada's that has a role."""
    attempt = an_attempt(job=a_job(owner=ada, status="RUNNING", attempts_made=1))
    JobCredentials.objects.create(
        attempt=attempt,
        role_arn="arn:aws:iam::123456789012:role/submit",
        access_key_id="ASIAEXAMPLE",
        encrypted_secret=encrypt_secret("secret"),
        encrypted_session_token=encrypt_secret(TOKEN),
        session_digest=session_digest(TOKEN),
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )
    return Signer("ASIAEXAMPLE", "secret", TOKEN)


@pytest.mark.parametrize("in_query", [False, True])
def test_a_job_calls_as_its_owner(
    job_signer: Signer, ada: User, in_query: bool, django_assert_num_queries: Any
) -> None:
    call = job_signer.in_query() if in_query else job_signer.in_headers()
    with django_assert_num_queries(1):
        caller = caller_of(call)
        assert (caller.user, caller.access_key_id) == (ada, "ASIAEXAMPLE")
    assert caller.attempt_id == JobCredentials.objects.get().attempt_id


def test_a_job_of_an_administrator_calls_without_his_rights(job_signer: Signer, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(is_staff=True, is_superuser=True)
    theirs, own = a_job(), a_job(owner=ada)
    caller = caller_of(job_signer.in_headers())
    assert (caller.user.is_staff, caller.user.is_superuser) == (False, False)
    # A session that lasts asks again.
    now = user_now(caller, NOW)
    assert now is not None
    assert not now.is_staff

    body = json.dumps({"jobs": [str(theirs.id), str(own.id)]}).encode()
    seen = answer(job_signer.in_headers(target="/v1/describejobs", body=body), NOW)
    assert [each["jobId"] for each in json.loads(seen.body)["jobs"]] == [str(own.id)]
    body = b'{"jobQueue": "default", "state": "DISABLED"}'
    refusal = answer(job_signer.in_headers(target="/v1/updatejobqueue", body=body), NOW)
    assert (refusal.status, refusal.headers["x-amzn-ErrorType"]) == (403, "AccessDeniedException")
    ada.refresh_from_db()
    assert (ada.is_staff, ada.is_superuser) == (True, True)


@pytest.mark.parametrize("token", [None, "", "another", f"{TOKEN}x"])
def test_credentials_of_a_job_need_their_session_token(
    job_signer: Signer, token: str | None
) -> None:
    error = refused(job_signer.with_(session_token=token).in_headers())
    assert (error.code, error.message) == ("UnrecognizedClientException", INVALID)


def test_a_session_token_has_to_be_signed(job_signer: Signer) -> None:
    call = job_signer.with_(session_token=None).in_headers()
    assert refused(changed(call, x_amz_security_token=TOKEN)).code == "IncompleteSignatureException"


@pytest.mark.parametrize(
    ("service", "code"), [("batch", "ExpiredTokenException"), ("sts", "ExpiredToken")]
)
def test_credentials_of_a_job_expire(job_signer: Signer, service: str, code: str) -> None:
    at = NOW + timedelta(hours=1)
    call = job_signer.with_(at=at, service=service).in_headers()
    with pytest.raises(ApiError) as caught:
        authenticate(call, service, at)
    assert (caught.value.code, caught.value.status) == (code, 403)
    assert authenticate(call, service, at - timedelta(seconds=1)).attempt_id


def test_credentials_of_a_job_end_with_its_attempt(job_signer: Signer) -> None:
    attempt = JobCredentials.objects.get().attempt
    # By the clock of another machine, that is a second ahead.
    attempt.ended_at = NOW + timedelta(seconds=1)
    attempt.save()
    assert refused(job_signer.in_headers()).code == "ExpiredTokenException"


def test_credentials_of_a_job_whose_owner_is_not_active_are_refused(
    job_signer: Signer, ada: User
) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert refused(job_signer.in_headers()).message == INVALID


def test_credentials_of_a_job_of_which_there_are_none_are_refused() -> None:
    assert refused(Signer("ASIAUNKNOWN", "x", TOKEN).in_headers()).message == INVALID


# --- any key ----------------------------------------------------------------------------------


@pytest.fixture
def any_key(settings: Any) -> User:
    user = a_user(username="anybody")
    settings.BATCHWEB_ANY_ACCESS_KEY_USER = "anybody"
    settings.ALLOWED_HOSTS = ["batch.example"]
    return user


def odd_calls(signer: Signer) -> dict[str, Call]:
    right = signer.in_headers()
    return {
        "an unknown key": signer.with_(access_key_id="test").in_headers(),
        "a wrong secret": signer.with_(secret="test").in_headers(),
        "no signature": changed(right, authorization=None),
        "another region": signer.with_(region="eu-west-1").in_headers(),
        "a time long ago": signer.with_(at=NOW - timedelta(days=9)).in_headers(),
        "no whole signature": changed(right, authorization="AWS4-HMAC-SHA256 x"),
        "a session token": signer.with_(session_token="of AWS itself").in_headers(),
    }


ODD = [
    "an unknown key",
    "a wrong secret",
    "no signature",
    "another region",
    "a time long ago",
    "no whole signature",
    "a session token",
]


@pytest.mark.parametrize("name", ODD)
def test_where_any_key_does_whoever_signs_oddly_is_the_named_user(
    signer: Signer, any_key: User, name: str
) -> None:
    caller = caller_of(odd_calls(signer)[name])
    assert (caller.user, caller.access_key_id) == (any_key, "")


def test_where_any_key_does_who_signs_rightly_is_himself(
    signer: Signer, any_key: User, ada: User
) -> None:
    assert caller_of(signer.in_headers()).user == ada


@pytest.mark.parametrize("name", ODD)
def test_by_default_none_of_them_is_let_in(signer: Signer, name: str) -> None:
    a_user(username="anybody")
    assert refused(odd_calls(signer)[name]).status == 403


@pytest.mark.parametrize(
    "header",
    [{"origin": "http://evil.example"}, {"sec_fetch_site": "same-origin"}, {"origin": "null"}],
)
def test_a_page_in_a_browser_is_nobody_even_where_any_key_does(
    signer: Signer, any_key: User, header: dict[str, str]
) -> None:
    call = changed(signer.in_headers(), authorization=None, **header)
    assert refused(call).code == "MissingAuthenticationTokenException"


OWN_HOSTS = ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "laptop.example"]


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_any_key_does_at_this_servers_own_names(
    signer: Signer, any_key: User, settings: Any, host: str
) -> None:
    settings.ALLOWED_HOSTS = ["*", "laptop.example"]
    assert caller_of(changed(signer.in_headers(), authorization=None, host=host)).user == any_key


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "", "a b", None]
)
def test_a_name_that_others_can_give_to_this_server_lets_nobody_in(
    signer: Signer, any_key: User, settings: Any, host: str | None
) -> None:
    settings.ALLOWED_HOSTS = ["*", "laptop.example"]
    error = refused(changed(signer.in_headers(), authorization=None, host=host))
    assert error.code == "MissingAuthenticationTokenException"
    assert "BATCHWEB_ALLOWED_HOSTS" in error.message
    # Who signs rightly is himself there, too.
    assert caller_of(signer.in_headers()).user != any_key


@pytest.mark.parametrize("is_active", [None, False])
def test_a_named_user_who_is_not_there_or_not_active_lets_nobody_in(
    signer: Signer, any_key: User, is_active: bool | None
) -> None:
    if is_active is None:
        any_key.delete()
    else:
        User.objects.filter(pk=any_key.pk).update(is_active=is_active)
    assert refused(signer.with_(secret="test").in_headers()).code == "SignatureDoesNotMatch"
