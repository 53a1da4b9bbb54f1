"""The secret store: who may use what, how it is named, and that no value is ever seen."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils import timezone
from pytest_django import Settings

from jobs.domain.errors import InvalidInput, NotFound
from jobs.engines.fake.world import SHELL_IMAGE, forget_world, world
from jobs.models import Attempt, JobStatus, Secret
from jobs.services.access.secrets import (
    SecretUnavailable,
    check_secret,
    create_secret,
    delete_secret,
    resolve,
    update_secret,
)
from jobs.services.attempts.containers import container_spec
from jobs.services.attempts.launch import launch_attempt
from tests.builders import NOW, a_job, a_secret, a_user, an_attempt

pytestmark = pytest.mark.django_db

VALUE = "s3cr3t = ü\n"


def stored(owner: User | None = None, **fields: Any) -> Secret:
    values = {"name": "db/password", "value": VALUE, **fields}
    return create_secret(owner=owner or a_user(is_staff=True), fields=values, now=NOW)


def test_what_is_stored_comes_back_to_the_letter_and_is_not_to_be_seen_in_the_database() -> None:
    secret = stored()
    assert b"s3cr3t" not in bytes(Secret.objects.get().encrypted)
    assert resolve(references=["db/password"], owner=secret.owner) == {"db/password": VALUE}


@pytest.mark.parametrize(
    "reference",
    [
        "db/password",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db/password",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db/password-a1B2c3",
        "arn:aws:ssm:eu-west-1:123456789012:parameter/db/password",
    ],
)
def test_a_name_and_an_arn_that_ends_in_it_mean_the_same(reference: str) -> None:
    secret = stored()
    assert resolve(references=[reference], owner=secret.owner) == {reference: VALUE}


@pytest.mark.parametrize(
    ("user", "shared", "may_use"),
    [
        ("owner", False, True),
        ("stranger", False, False),
        ("stranger", True, True),
        # He may change it, but his jobs are no exception.
        ("administrator", False, False),
    ],
)
def test_a_secret_is_its_owner_s_unless_it_is_shared(
    user: str, shared: bool, may_use: bool
) -> None:
    secret = stored(shared=shared)
    users = {"owner": secret.owner, "stranger": a_user(), "administrator": a_user(is_staff=True)}
    if may_use:
        assert resolve(references=["db/password"], owner=users[user])
        return
    with pytest.raises(SecretUnavailable, match="There is no secret db/password that jobs of"):
        resolve(references=["db/password"], owner=users[user])


def test_after_a_change_of_the_key_the_old_one_is_needed(settings: Settings) -> None:
    secret = stored()
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key, of this test"
    with pytest.raises(SecretUnavailable, match=r"SECRET_KEY is not the one .* Store its value"):
        resolve(references=["db/password"], owner=secret.owner)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert resolve(references=["db/password"], owner=secret.owner) == {"db/password": VALUE}


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"name": ""}, "name", "Give a name"),
        ({"name": "no blanks"}, "name", "letters, digits"),
        ({"name": "taken"}, "name", "There is a secret named taken already."),
        ({"value": ""}, "value", "Give the value."),
        ({"value": "x" * 65_537}, "value", "at most 64 KiB"),
        ({"shared": "perhaps"}, "shared", "true or false"),
        ({"colour": "red"}, "colour", ""),
    ],
)
def test_bad_input_names_the_field_and_stores_nothing(
    fields: dict[str, Any], field: str, text: str
) -> None:
    a_secret(name="taken")
    with pytest.raises(InvalidInput) as caught:
        stored(**fields)
    assert list(caught.value.errors) == [field]
    assert text in caught.value.errors[field][0]
    assert Secret.objects.count() == 1


def test_a_change_leaves_what_it_does_not_name() -> None:
    secret = stored()
    later = NOW + timedelta(hours=1)
    update_secret(secret=secret, by=secret.owner, fields={"shared": "on", "value": ""}, now=later)
    secret.refresh_from_db()
    assert (secret.shared, secret.created_at, secret.updated_at) == (True, NOW, later)
    assert resolve(references=["db/password"], owner=a_user()) == {"db/password": VALUE}
    update_secret(secret=secret, by=secret.owner, fields={"value": "new"}, now=later)
    assert resolve(references=["db/password"], owner=a_user()) == {"db/password": "new"}


def test_only_an_administrator_shares_a_secret_and_its_owner_may_end_that() -> None:
    owner, boss = a_user(), a_user(is_staff=True)
    with pytest.raises(PermissionDenied, match="Only administrators may share"):
        stored(owner, shared=True)
    secret = stored(owner)
    with pytest.raises(PermissionDenied):
        update_secret(secret=secret, by=owner, fields={"shared": True, "value": "x"}, now=NOW)
    assert resolve(references=["db/password"], owner=owner) == {"db/password": VALUE}
    assert update_secret(secret=secret, by=boss, fields={"shared": True}, now=NOW).shared
    assert update_secret(secret=secret, by=owner, fields={"value": "new"}, now=NOW).shared
    assert not update_secret(secret=secret, by=owner, fields={"shared": False}, now=NOW).shared


def test_a_secret_keeps_its_name() -> None:
    with pytest.raises(InvalidInput, match="keeps its name"):
        update_secret(secret=stored(), by=a_user(), fields={"name": "other"}, now=NOW)


def test_a_secret_that_is_gone_cannot_be_changed_and_may_be_deleted_again() -> None:
    secret = stored()
    delete_secret(secret=secret)
    delete_secret(secret=secret)
    with pytest.raises(NotFound, match="was deleted"):
        update_secret(secret=secret, by=secret.owner, fields={"value": "new"}, now=NOW)


def test_no_value_is_in_what_a_check_gives_back_when_it_is_printed() -> None:
    assert "s3cr3t" not in repr(check_secret(fields={"name": "db", "value": VALUE}))


@pytest.fixture
def attempt() -> Iterator[Attempt]:
    """A placed attempt of a job that wants the secret as PASSWORD."""
    job = a_job(
        status=JobStatus.STARTING,
        attempts_made=1,
        image=SHELL_IMAGE,
        command=["sleep"],
        environment=[{"name": "PLAIN", "value": "1"}],
        container={"secrets": [{"name": "PASSWORD", "valueFrom": "db/password"}]},
    )
    one = an_attempt(job=job)
    yield one
    forget_world(one.node.engine.url.removeprefix("fake://"))


def test_a_container_finds_its_secrets_among_its_variables(attempt: Attempt) -> None:
    stored(attempt.job.owner)
    launch_attempt(attempt_id=attempt.id, now=timezone.now())
    [container] = world(attempt.node.engine.url.removeprefix("fake://")).containers.values()
    assert container.spec.environment["PASSWORD"] == VALUE
    assert container.spec.environment["PLAIN"] == "1"


def test_a_secret_that_is_not_to_be_had_fails_the_job_in_aws_s_words(
    attempt: Attempt, caplog: pytest.LogCaptureFixture
) -> None:
    stored()
    launch_attempt(attempt_id=attempt.id, now=timezone.now())
    attempt.refresh_from_db()
    attempt.job.refresh_from_db()
    assert attempt.job.status == JobStatus.FAILED
    assert attempt.job.status_reason == (
        "ResourceInitializationError: unable to pull secrets: There is no secret db/password that "
        f"jobs of {attempt.job.owner.username} may use."
    )
    assert attempt.explanation.endswith("submit the job again.")
    assert "s3cr3t" not in caplog.text + attempt.explanation


def test_what_a_container_is_made_of_is_printed_without_its_variables(attempt: Attempt) -> None:
    stored(attempt.job.owner)
    assert "s3cr3t" not in repr(container_spec(attempt))
