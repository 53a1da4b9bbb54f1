"""Secrets are stored encrypted, given to whom they belong, and never shown."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from jobs.domain.errors import InvalidInput, NotFound
from jobs.models import Secret
from jobs.services.access.secrets import (
    SecretUnavailable,
    create_secret,
    delete_secret,
    resolve,
    update_secret,
)
from tests.builders import NOW, a_secret, a_user

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}
VALUE = " kept to\nthe tittle "


def store(owner: User, name: str = "db/password", *, shared: bool = False) -> Secret:
    return create_secret(
        owner=owner, fields={"name": name, "value": VALUE, "shared": shared}, now=NOW
    )


def test_a_value_is_stored_encrypted_and_comes_back_to_the_letter() -> None:
    ada = a_user()
    secret = store(ada)
    assert b"tittle" not in bytes(Secret.objects.get().encrypted)
    assert resolve(references=["db/password"], owner=ada) == {"db/password": VALUE}
    with pytest.raises(SecretUnavailable, match="There is no secret nothing"):
        resolve(references=["db/password", "nothing"], owner=ada)
    update_secret(secret=secret, by=secret.owner, fields={"value": "new"}, now=NOW)
    assert resolve(references=["db/password"], owner=ada) == {"db/password": "new"}
    delete_secret(secret=secret)
    with pytest.raises(SecretUnavailable):
        resolve(references=["db/password"], owner=ada)
    with pytest.raises(NotFound):
        update_secret(secret=secret, by=secret.owner, fields={"value": "x"}, now=NOW)


def test_an_arn_stands_for_the_secret_that_it_names() -> None:
    ada = a_user()
    store(ada)
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db/password-AbCdEf"
    assert resolve(references=[arn], owner=ada) == {arn: VALUE}


def test_only_a_shared_secret_serves_the_jobs_of_others() -> None:
    ada, bob = a_user(is_staff=True), a_user(username="bob")
    secret = store(ada)
    with pytest.raises(SecretUnavailable, match="that jobs of bob may use"):
        resolve(references=["db/password"], owner=bob)
    update_secret(secret=secret, by=secret.owner, fields={"shared": True}, now=NOW)
    assert resolve(references=["db/password"], owner=bob) == {"db/password": VALUE}


def test_another_key_cannot_read_it_unless_the_old_one_is_kept(settings: Settings) -> None:
    ada = a_user()
    store(ada)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another" * 10
    with pytest.raises(SecretUnavailable, match="The secret db/password cannot be read"):
        resolve(references=["db/password"], owner=ada)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert resolve(references=["db/password"], owner=ada) == {"db/password": VALUE}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "n" * 513}, "name"),
        ({"name": "taken"}, "name"),
        ({"value": ""}, "value"),
        ({"value": 5}, "value"),
        ({"value": "a\0b"}, "value"),
        ({"value": "é" * 32_769}, "value"),
        ({"shared": "perhaps"}, "shared"),
        ({"owner": "bob"}, "owner"),
    ],
)
def test_a_refusal_names_the_field_and_never_the_value(
    fields: dict[str, object], field: str
) -> None:
    a_secret(name="taken")
    with pytest.raises(InvalidInput) as caught:
        create_secret(owner=a_user(), fields={"name": "n", "value": VALUE, **fields}, now=NOW)
    assert list(caught.value.errors) == [field]
    assert "tittle" not in str(caught.value)
    assert Secret.objects.count() == 1


def test_a_secret_is_stored_replaced_and_deleted_with_plain_forms(
    client: Client, visitor: User
) -> None:
    form = {"name": "db/password", "value": "line one\r\nline two"}
    page = client.post("/secrets/", form, follow=True).text
    assert "The secret db/password is stored." in page
    assert "line one" not in page
    secret = Secret.objects.get()
    assert resolve(references=["db/password"], owner=visitor) == {
        "db/password": "line one\nline two"
    }
    path = f"/secrets/{secret.pk}/"
    assert client.get(path).status_code == 200
    assert "has a new value" in client.post(path, {"value": "next"}, follow=True).text
    assert resolve(references=["db/password"], owner=visitor) == {"db/password": "next"}
    assert "Delete db/password?" in client.get(f"{path}delete/").text
    assert client.post(f"{path}delete/").headers["Location"] == "/secrets/"
    assert not Secret.objects.exists()


def test_a_refused_form_keeps_the_name_and_not_the_value(client: Client, visitor: User) -> None:
    page = client.post("/secrets/", {"name": "a b", "value": "hunter2"})
    assert page.status_code == 400
    assert 'value="a b"' in page.text
    assert "hunter2" not in page.text
    secret = a_secret(owner=visitor)
    page = client.post(f"/secrets/{secret.pk}/", {"value": "hunter2\0"})
    assert page.status_code == 400
    assert "A value cannot hold NUL characters" in page.text
    assert "hunter2" not in page.text
    page = client.post(f"/secrets/{secret.pk}/", {"value": ""}, follow=True)
    assert "stays as it is" in page.text


def test_others_see_a_shared_secret_and_change_none(client: Client, visitor: User) -> None:
    shared, hidden = a_secret(name="shared", shared=True), a_secret(name="not-yours")
    page = client.get("/secrets/").text
    assert "shared" in page
    assert "not-yours" not in page
    for secret in (shared, hidden):
        assert client.get(f"/secrets/{secret.pk}/").status_code == 404
        assert client.post(f"/secrets/{secret.pk}/", {"value": "x"}).status_code == 404
        assert client.post(f"/secrets/{secret.pk}/delete/").status_code == 404
    assert Secret.objects.count() == 2


def test_only_administrators_share(client: Client, visitor: User) -> None:
    form = {"name": "n", "value": "v", "shared": "true"}
    assert client.post("/secrets/", form).status_code == 403
    mine = a_secret(owner=visitor)
    assert client.post(f"/secrets/{mine.pk}/", {"shared": "true"}).status_code == 403
    assert client.post(f"/secrets/{mine.pk}/", {"shared": "false"}).status_code == 302
    assert "Everybody" not in client.get("/secrets/").text
    assert not Secret.objects.filter(shared=True).exists()


def test_an_administrator_shares_somebody_s_secret(client: Client, boss: User) -> None:
    secret = a_secret(name="n")
    path = f"/secrets/{secret.pk}/"
    assert "may use the secret n now" in client.post(path, {"shared": "true"}, follow=True).text
    secret.refresh_from_db()
    assert secret.shared
    assert client.post(path, {"shared": "false"}, headers=JSON).json()["shared"] is False


def test_who_may_use_a_secret_is_not_changed_by_nonsense(client: Client, boss: User) -> None:
    secret = a_secret(name="n")
    page = client.post(f"/secrets/{secret.pk}/", {"shared": "perhaps"})
    assert page.status_code == 400
    assert "This is true or false." in page.text


def test_a_script_gets_names_and_no_values(client: Client, visitor: User) -> None:
    made = client.post("/secrets/", {"name": "n", "value": "hunter2"}, headers=JSON)
    assert made.status_code == 201
    assert client.post("/secrets/", {"name": "n"}, headers=JSON).json()["errors"].keys() == {
        "name",
        "value",
    }
    found = client.get("/secrets/", headers=JSON).json()["results"]
    assert [row["name"] for row in found] == ["n"]
    assert "hunter2" not in str(found)
    assert client.get(found[0]["url"], headers=JSON).json() == found[0]
    assert "No secret matches" in client.get("/secrets/?q=nothing").text
