"""Who gets in, and who may see what."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Manager
from django.test import Client
from django.utils import timezone

from jobs.models import AccessKey, AccessToken, Job
from jobs.services.access import tokens
from jobs.services.access.tokens import create_token, revoke_token, user_of_token
from jobs.web.access import visible_topics
from tests.builders import a_job, a_user

JSON = {"Accept": "application/json"}
PAGES = [
    "/",
    "/jobs/",
    "/submit/",
    "/access/tokens/",
    "/access/keys/",
    "/definitions/",
    "/queues/",
    "/environments/",
    "/instance-types/",
]


@pytest.mark.django_db
@pytest.mark.parametrize("url", PAGES)
def test_a_page_sends_a_stranger_to_the_login_and_back(client: Client, url: str) -> None:
    answer = client.get(url)
    assert answer.status_code == 302
    assert answer["Location"] == f"/login/?next={url}"


@pytest.mark.django_db
@pytest.mark.parametrize("url", [*PAGES, "/live/?topic=jobs"])
def test_a_script_without_a_token_is_told_so(client: Client, url: str) -> None:
    answer = client.get(url, headers=JSON)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["message"]


@pytest.mark.django_db
def test_a_live_part_of_a_page_whose_session_ended_goes_to_the_login(client: Client) -> None:
    answer = client.get("/jobs/", headers={"HX-Request": "true", "HX-Target": "div#jobs-table"})
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/login/"


@pytest.mark.django_db
@pytest.mark.parametrize("secret", ["", "x", "bw_wrong", "bw_" + "x" * 500, "bw_\udcff"])
def test_a_wrong_token_is_refused(client: Client, secret: str) -> None:
    value = f"Bearer {secret}".encode("utf-8", "surrogateescape").decode("latin-1")
    answer = client.get("/jobs/", headers={"Authorization": value})
    assert answer.status_code == 401
    assert "invalid_token" in answer["WWW-Authenticate"]


def test_a_token_stands_for_its_user_until_it_is_revoked(script: Client, admin: User) -> None:
    assert script.get("/jobs/").status_code == 200
    token = AccessToken.objects.get()
    revoke_token(user=admin, token_id=token.pk, now=timezone.now())
    assert script.get("/jobs/").status_code == 401


def test_a_token_of_somebody_who_may_not_log_in_any_more_is_refused(
    script: Client, admin: User
) -> None:
    User.objects.filter(pk=admin.pk).update(is_active=False)
    assert script.get("/jobs/").status_code == 401


def test_only_a_digest_of_the_secret_is_stored(admin: User) -> None:
    token, secret = create_token(user=admin, name="nightly", now=timezone.now())
    stored = " ".join(str(value) for value in AccessToken.objects.values().get().values())
    assert secret not in stored
    assert secret.startswith(token.prefix)
    assert len(token.digest) == 64


def test_the_use_of_a_token_is_written_once_a_minute_at_most(admin: User) -> None:
    now = timezone.now()
    token, secret = create_token(user=admin, name="nightly", now=now)
    for seconds in (0, 1, 59, 61):
        assert user_of_token(secret=secret, now=now + timedelta(seconds=seconds)) == admin
        token.refresh_from_db()
        assert token.last_used_at == now + timedelta(seconds=61 if seconds == 61 else 0)


def test_a_form_post_without_csrf_token_is_refused_with_a_page(admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    answer = client.post("/jobs/", {"name": "x"})
    assert answer.status_code == 403
    assert b"no longer valid" in answer.content


def test_a_user_sees_his_own_jobs_only(bobs_page: Client, bob: User, admin: User) -> None:
    mine, other = a_job(owner=bob), a_job(owner=admin)
    results = bobs_page.get("/jobs/", headers=JSON).json()["results"]
    assert [row["id"] for row in results] == [str(mine.pk)]
    assert bobs_page.get(f"/jobs/{mine.pk}/").status_code == 200
    for path in ("", "terminate/", "attempts/1/log/", "attempts/1/log/rows/"):
        assert bobs_page.get(f"/jobs/{other.pk}/{path}").status_code == 404
    for path in ("cancel/", "terminate/"):
        assert bobs_page.post(f"/jobs/{other.pk}/{path}").status_code == 404
    assert bobs_page.get(f"/submit/?again={other.pk}").status_code == 404


def test_a_user_cannot_end_others_jobs_in_bulk(bobs_page: Client, bob: User, admin: User) -> None:
    other = a_job(owner=admin, status="RUNNABLE")
    bobs_page.post("/jobs/bulk/", {"action": "cancel", "job": [str(other.pk)]})
    assert Job.objects.get(pk=other.pk).status == "RUNNABLE"


def test_a_user_cannot_revoke_anothers_token(bobs_page: Client, admin: User) -> None:
    token, _ = create_token(user=admin, name="mine", now=timezone.now())
    assert bobs_page.get(f"/access/tokens/{token.pk}/revoke/").status_code == 404
    assert bobs_page.post(f"/access/tokens/{token.pk}/revoke/").status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


def test_revoking_is_asked_for_before_it_is_done(page: Client, admin: User) -> None:
    token, _ = create_token(user=admin, name="nightly", now=timezone.now())
    url = f"/access/tokens/{token.pk}/revoke/"
    listed = page.get("/access/tokens/").content.decode()
    assert f'<a class="btn btn-sm btn-outline-danger" href="{url}" data-opens=' in listed
    assert "Revoke nightly?" in page.get(url).content.decode()
    assert AccessToken.objects.filter(revoked_at=None).exists()
    assert page.post(url).status_code == 302
    assert not AccessToken.objects.filter(revoked_at=None).exists()
    assert 'data-opens="revoke' not in page.get("/access/tokens/").content.decode()


def test_live_topics_are_limited_to_what_one_may_see(bob: User, admin: User) -> None:
    mine, other = a_job(owner=bob), a_job(owner=admin)
    asked = ["jobs", "queues", f"job:{mine.pk}", f"job:{other.pk}", "job:nonsense", "log:1", "x"]
    assert visible_topics(bob, asked) == {"jobs", "queues", f"job:{mine.pk}"}
    assert visible_topics(admin, asked) == {
        "jobs",
        "queues",
        f"job:{mine.pk}",
        f"job:{other.pk}",
    }


def test_a_new_token_is_kept_by_no_cache_on_a_scripts_way_either(script: Client) -> None:
    answer = script.post("/access/tokens/", {"name": "nightly"})
    assert answer.json()["token"].startswith("bw_")
    assert answer["Cache-Control"] == "no-store"


def test_a_new_token_is_shown_once(page: Client) -> None:
    answer = page.post("/access/tokens/", {"name": "nightly"})
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    secret = answer.context["secret"]
    assert secret in answer.content.decode()
    assert secret not in page.get("/access/tokens/").content.decode()


@pytest.mark.parametrize(
    ("url", "rows"),
    [("/access/tokens/", AccessToken.objects), ("/access/keys/", AccessKey.objects)],
)
def test_a_double_click_makes_one_secret_and_both_answers_show_it(
    page: Client, url: str, rows: Manager[Any]
) -> None:
    (seed,) = re.findall(r'name="request_token" value="([^"]+)"', page.get(url).text)
    fields = {"name": "nightly", "request_token": seed}
    answers = [page.post(url, fields) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert {answer["Cache-Control"] for answer in answers} == {"no-store"}
    (secret,) = {answer.context["secret"] for answer in answers}
    assert secret in answers[1].text
    row = rows.get()
    other = page.post(url, {"name": "nightly", "request_token": "another"}).context["secret"]
    assert other != secret
    # The same form much later, from a page that was kept: by then it has been seen.
    rows.filter(pk=row.pk).update(created_at=row.created_at - timedelta(minutes=2))
    late = page.post(url, fields)
    assert (late.status_code, rows.count()) == (409, 2)
    assert "is not shown again" in late.text
    assert secret not in late.text


def test_what_was_revoked_meanwhile_is_not_shown_again(page: Client) -> None:
    fields = {"name": "nightly", "request_token": "mine"}
    secret = page.post("/access/tokens/", fields).context["secret"]
    page.post(f"/access/tokens/{AccessToken.objects.get().pk}/revoke/")
    assert secret not in page.post("/access/tokens/", fields).text


def test_the_secret_of_a_form_is_one_like_others_and_opens_its_users_pages(page: Client) -> None:
    fields = {"name": "nightly", "request_token": "mine"}
    secret = page.post("/access/tokens/", fields).context["secret"]
    made = create_token(user=AccessToken.objects.get().user, name="x", now=timezone.now())[1]
    assert len(secret) == len(made)
    headers = {"Authorization": f"Bearer {secret}", "Accept": "application/json"}
    assert Client().get("/jobs/", headers=headers).status_code == 200


def test_scripts_make_as_many_as_they_ask_for(script: Client) -> None:
    fields = {"name": "nightly", "request_token": "1"}
    made = {script.post("/access/tokens/", fields).json()["token"] for _ in range(2)}
    assert len(made) == 2


@pytest.mark.parametrize("name", ["", " ", "x" * 129, "a\0b", "a\nb"])
def test_a_token_needs_a_printable_name(page: Client, name: str) -> None:
    answer = page.post("/access/tokens/", {"name": name})
    assert answer.status_code == 400
    assert b"printable" in answer.content
    assert not AccessToken.objects.exists()


def test_who_has_too_many_tokens_is_told_so_on_the_page(
    page: Client, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MAX_TOKENS_PER_USER", 1)
    create_token(user=admin, name="first", now=timezone.now())
    answer = page.post("/access/tokens/", {"name": "second"})
    assert answer.status_code == 400
    assert "At most 1 tokens: revoke one first." in answer.content.decode()


def test_every_answer_forbids_foreign_and_inline_scripts(page: Client) -> None:
    for url in ("/", "/jobs/", "/login/", "/no-such-page/"):
        policy = page.get(url)["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy


def test_pages_hold_no_inline_script_or_style(page: Client) -> None:
    job = a_job(owner=a_user())
    for url in [*PAGES, f"/jobs/{job.pk}/", "/login/"]:
        html = page.get(url, follow=True).content.decode()
        assert "<script>" not in html
        assert " style=" not in html
        assert " onclick=" not in html
        assert " hx-on" not in html
