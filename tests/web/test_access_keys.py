"""The page of access keys: making one, seeing its secret once, revoking it."""

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.utils import timezone

from jobs.models import AccessKey
from jobs.services.access import access_keys
from jobs.services.access.access_keys import UNREADABLE, create_access_key, decrypt_secret

URL = "/access/keys/"


def a_key(user: User) -> AccessKey:
    key, _ = create_access_key(user=user, name="nightly", now=timezone.now())
    return key


def test_a_new_secret_is_shown_once_and_kept_by_no_cache(page: Client) -> None:
    answer = page.post(URL, {"name": "nightly"})
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    secret = answer.context["secret"]
    assert secret == decrypt_secret(bytes(AccessKey.objects.get().encrypted_secret))
    assert secret in answer.content.decode()
    assert secret not in page.get(URL).content.decode()


def test_with_a_new_key_it_is_said_how_to_use_it(page: Client) -> None:
    answer = page.post(URL, {"name": "nightly"}, headers={"Host": "batch.example:8000"})
    key = AccessKey.objects.get()
    assert answer.context["exports"].splitlines() == [
        "export AWS_ENDPOINT_URL=http://batch.example:8000",
        f"export AWS_ACCESS_KEY_ID={key.access_key_id}",
        f"export AWS_SECRET_ACCESS_KEY={answer.context['secret']}",
        "export AWS_REGION=us-east-1",
        "export AWS_DEFAULT_REGION=us-east-1",
    ]


def test_a_script_makes_a_key_and_finds_it_in_the_list_without_its_secret(script: Client) -> None:
    made = script.post(URL, {"name": "nightly"})
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    key = made.json()
    assert len(key.pop("secret_access_key")) == 40
    assert set(key) == {
        "id",
        "name",
        "access_key_id",
        "created_at",
        "last_used_at",
        "revoked_at",
    }
    assert script.get(URL).json()["results"] == [key]


@pytest.mark.parametrize("name", ["", " ", "x" * 129, "a\nb"])
def test_a_name_that_is_refused_stands_beside_what_is_wrong(page: Client, name: str) -> None:
    answer = page.post(URL, {"name": name})
    assert answer.status_code == 400
    assert b"Give the access key a name of at most 128 printable characters." in answer.content
    assert not AccessKey.objects.exists()


def test_a_script_is_told_which_field_is_wrong(script: Client) -> None:
    answer = script.post(URL, {})
    assert answer.status_code == 400
    assert "printable" in answer.json()["errors"]["name"][0]


def test_who_has_too_many_keys_is_told_so(
    page: Client, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_keys, "MAX_KEYS_PER_USER", 1)
    a_key(admin)
    answer = page.post(URL, {"name": "second"})
    assert answer.status_code == 400
    assert "At most 1 access keys: revoke one first." in answer.content.decode()


def test_revoking_is_asked_for_before_it_is_done(page: Client, admin: User) -> None:
    url = f"{URL}{a_key(admin).pk}/revoke/"
    listed = page.get(URL).content.decode()
    assert f'<a class="btn btn-sm btn-outline-danger" href="{url}" data-opens=' in listed
    assert "Revoke nightly?" in page.get(url).content.decode()
    assert AccessKey.objects.filter(revoked_at=None).exists()
    answer = page.post(url, follow=True)
    assert "nightly is revoked" in answer.content.decode()
    assert not AccessKey.objects.filter(revoked_at=None).exists()
    assert 'data-opens="revoke' not in page.get(URL).content.decode()


def test_a_script_revokes_a_key(script: Client, admin: User) -> None:
    answer = script.post(f"{URL}{a_key(admin).pk}/revoke/")
    assert answer.status_code == 200
    assert answer.json()["revoked_at"]


def test_a_user_sees_and_revokes_his_own_keys_only(bobs_page: Client, admin: User) -> None:
    key = a_key(admin)
    assert key.access_key_id not in bobs_page.get(URL).content.decode()
    for send in (bobs_page.get, bobs_page.post):
        assert send(f"{URL}{key.pk}/revoke/").status_code == 404
    key.refresh_from_db()
    assert key.revoked_at is None


def test_a_key_whose_secret_cannot_be_read_says_so(page: Client, admin: User) -> None:
    key = a_key(admin)
    assert UNREADABLE not in page.get(URL).content.decode()
    # SECRET_KEY signs sessions as well, so it is not that which is changed here.
    AccessKey.objects.filter(pk=key.pk).update(encrypted_secret=b"of another SECRET_KEY")
    assert UNREADABLE in page.get(URL).content.decode()
    key.refresh_from_db()
    access_keys.revoke_access_key(user=admin, key_id=key.pk, now=timezone.now())
    assert UNREADABLE not in page.get(URL).content.decode()


def test_the_region_of_this_server_is_named(page: Client) -> None:
    with override_settings(BATCHWEB_AWS_REGION="eu-central-1"):
        assert "AWS_DEFAULT_REGION=eu-central-1" in page.get(URL).content.decode()
