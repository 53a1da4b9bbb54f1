"""Which login an image is pulled with: names of images, prefixes of logins, and what may be in one."""

import json

import pytest

from jobs.domain.registries import (
    DEFAULT_REGISTRY,
    DEFAULT_REGISTRY_ALIASES,
    MAX_PASSWORD_BYTES,
    Credentials,
    NoCredentials,
    best_of,
    credentials_in,
    may_be_an_id,
    password,
    prefixes_of,
    registry_of,
    registry_prefix,
    repository_of,
    user_name,
)
from jobs.domain.validation import FieldError

ALIAS = DEFAULT_REGISTRY_ALIASES[0]


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        ("busybox", f"{DEFAULT_REGISTRY}/library/busybox"),
        ("busybox:1.36", f"{DEFAULT_REGISTRY}/library/busybox"),
        ("team/tool:1", f"{DEFAULT_REGISTRY}/team/tool"),
        (f"{DEFAULT_REGISTRY}/team/tool", f"{DEFAULT_REGISTRY}/team/tool"),
        # Docker keeps it as it keeps "busybox", so a login for the one is a login for the other.
        (f"{DEFAULT_REGISTRY}/busybox:1", f"{DEFAULT_REGISTRY}/library/busybox"),
        (f"{ALIAS}/busybox", f"{DEFAULT_REGISTRY}/library/busybox"),
        (f"{ALIAS}/team/tool", f"{DEFAULT_REGISTRY}/team/tool"),
        ("localhost/tool", "localhost/tool"),
        ("localhost:5000/tool", "localhost:5000/tool"),
        ("localhost:5000/team/tool:2@sha256:" + "a" * 64, "localhost:5000/team/tool"),
        ("registry.example.com/team/tool@sha256:" + "a" * 64, "registry.example.com/team/tool"),
        ("Registry.Example.com/tool", "registry.example.com/tool"),
        # What is no name at all belongs somewhere, too: the engine says what is wrong with it.
        ("NOT an image", f"{DEFAULT_REGISTRY}/library/NOT an image"),
        ("", f"{DEFAULT_REGISTRY}/library/"),
    ],
)
def test_an_image_belongs_to_a_repository(image: str, repository: str) -> None:
    assert repository_of(image) == repository


def test_a_repository_has_a_registry_and_prefixes_the_longest_first() -> None:
    assert registry_of("localhost:5000/a/b") == "localhost:5000"
    assert prefixes_of("localhost:5000/a/b") == (
        "localhost:5000/a/b",
        "localhost:5000/a",
        "localhost:5000",
    )


@pytest.mark.parametrize(
    ("prefixes", "best"),
    [
        (["registry.example.com", "registry.example.com/team"], "registry.example.com/team"),
        (["registry.example.com/team/tool"], "registry.example.com/team/tool"),
        (["registry.example.com/tea", "registry.example.com/team/too"], None),
        (["example.com", "registry.example.com:443", "localhost"], None),
        ([], None),
    ],
)
def test_the_longest_prefix_of_whole_parts_is_the_best(
    prefixes: list[str], best: str | None
) -> None:
    assert best_of("registry.example.com/team/tool", prefixes) == best


@pytest.mark.parametrize(
    ("image", "may_be"),
    [("cafe", True), ("1", True), ("sha256:" + "0" * 64, True), ("busybox", False), ("a:1", False)],
)
def test_docker_may_take_what_is_hexadecimal_for_an_id(image: str, may_be: bool) -> None:
    assert may_be_an_id(image) is may_be


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" registry.example.com ", "registry.example.com"),
        ("Registry.Example.com:443/team/", "registry.example.com:443/team"),
        ("https://Registry.example.com/team/", "registry.example.com/team"),
        ("HTTP://localhost:5000", "localhost:5000"),
        ("localhost", "localhost"),
        ("localhost:5000/a-b/c__d", "localhost:5000/a-b/c__d"),
        (ALIAS, DEFAULT_REGISTRY),
    ],
)
def test_a_prefix_has_one_form(typed: str, stored: str) -> None:
    assert registry_prefix(typed) == stored


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Give the registry's host"),
        (None, "Give the registry's host"),
        ("team", "Give the registry's host"),
        ("team/tool", "Give the registry's host"),
        ("a b.example.com", "Give the registry's host"),
        ("user@example.com", "Give the registry's host"),
        ("example.com:port", "Give the registry's host"),
        ("https://", "Give the registry's host"),
        ("ftp://registry.example.com", "Give the registry's host"),
        ("registry.example.com/Team", "small letters"),
        ("registry.example.com/team:1", "without a tag"),
        ("registry.example.com//team", "small letters"),
        ("registry.example.com/" + "x" * 255, "at most 255"),
        (5, "This is a text"),
        ("a.b\0", "NUL"),
    ],
)
def test_what_is_no_prefix_is_told_how_to_be_one(typed: object, said: str) -> None:
    with pytest.raises(FieldError, match=said):
        registry_prefix(typed)


@pytest.mark.parametrize("typed", ["", None, "a:b", "a\nb", "x" * 256, 7])
def test_a_user_name_is_what_a_registry_can_know(typed: object) -> None:
    with pytest.raises(FieldError):
        user_name(typed)


@pytest.mark.parametrize("typed", ["", None, 7, "a\0", "x" * (MAX_PASSWORD_BYTES + 1)])
def test_a_password_is_a_text_of_some_length(typed: object) -> None:
    with pytest.raises(FieldError):
        password(typed)
    assert password(" to the letter ") == " to the letter "


def test_a_secret_holds_a_login_as_aws_writes_it() -> None:
    text = json.dumps({"username": "ada", "password": "p:w", "more": 1})
    assert credentials_in(text) == Credentials("ada", "p:w")
    assert "p:w" not in repr(credentials_in(text))
    assert "ada" not in repr(credentials_in(text))


@pytest.mark.parametrize(
    "text",
    [
        *("hunter2", '"hunter2"', "[]", "null", "{}", '{"hunter2": 1}', '{"password": "hunter2"}'),
        *('{"username": "hunter2"}', '{"username": 1, "password": "hunter2"}'),
        '{"username": "hunter2", "password": ""}',
        # A worker that died of it would be told to pull the image again for ever.
        "[" * 60_000 + "hunter2",
    ],
)
def test_what_is_no_login_is_told_what_one_looks_like_and_never_told_itself(text: str) -> None:
    with pytest.raises(NoCredentials, match=r'has to hold JSON.*"username": "\.\.\."') as caught:
        credentials_in(text)
    assert "hunter2" not in str(caught.value)
