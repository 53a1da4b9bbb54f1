"""Credentials of containers whose job has a role: what they are given, and how long it is good."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from pytest_django import Settings

from jobs.engines.fake.world import SHELL_IMAGE, World, forget_world, world
from jobs.models import Attempt, JobCredentials, JobStatus
from jobs.selectors.access.keys import find_credentials
from jobs.services.access.access_keys import decrypt_secret
from jobs.services.attempts.containers import container_spec
from jobs.services.attempts.job_credentials import (
    LIFETIME,
    Issued,
    NoCredentials,
    fetch_credentials,
    fetch_token,
)
from jobs.services.attempts.launch import launch_attempt
from jobs.services.attempts.reap import reap_attempt
from jobs.services.passes.sweep import sweep
from tests.builders import NOW, a_group, a_job, an_attempt, containers_of, nodes_of

pytestmark = pytest.mark.django_db

ROLE = "arn:aws:iam::123456789012:role/submitter"
URL = "http://169.254.170.2:8000"


def placed(**fields: Any) -> Attempt:
    container = {"jobRoleArn": ROLE, **fields.pop("container", {})}
    job = a_job(status=JobStatus.STARTING, attempts_made=1, container=container, **fields)
    return an_attempt(job=job)


def read(attempt: Attempt) -> Attempt:
    return Attempt.objects.select_related("job__spec", "job__queue", "environment").get(
        id=attempt.id
    )


def given(attempt: Attempt) -> dict[str, str]:
    """The variables of AWS's tools that the container gets."""
    environment = container_spec(read(attempt)).environment
    return {
        name: value
        for name, value in environment.items()
        if name.startswith("AWS_") and not name.startswith(("AWS_BATCH", "AWS_EXECUTION_ENV"))
    }


# --- What a container is given ------------------------------------------------------------


def test_a_role_gives_a_container_an_address_a_token_and_endpoints() -> None:
    attempt = placed()
    assert given(attempt) == {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{URL}/job-credentials/{attempt.id}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": fetch_token(attempt),
        "AWS_ENDPOINT_URL_BATCH": URL,
        "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": URL,
        "AWS_ENDPOINT_URL_STS": URL,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    assert container_spec(read(attempt)).service_address


def test_without_a_role_a_container_is_given_nothing() -> None:
    attempt = an_attempt()
    assert given(attempt) == {}
    assert not container_spec(read(attempt)).service_address


def test_a_server_with_tls_is_asked_where_it_is(settings: Settings) -> None:
    settings.BATCHWEB_JOBS_API_URL = "https://batch.example.com"
    attempt = placed()
    assert (
        given(attempt)["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        == f"https://batch.example.com/job-credentials/{attempt.id}"
    )
    assert not container_spec(read(attempt)).service_address


FETCH = {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"}
ENDPOINTS = {
    "AWS_ENDPOINT_URL_BATCH",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    "AWS_ENDPOINT_URL_STS",
}
REGION = {"AWS_REGION", "AWS_DEFAULT_REGION"}


@pytest.mark.parametrize(
    ("own", "left"),
    [
        ({"AWS_REGION": "eu-west-1"}, FETCH | ENDPOINTS),
        ({"AWS_ENDPOINT_URL_BATCH": "http://other"}, FETCH | ENDPOINTS | REGION),
        # It names them all.
        ({"AWS_ENDPOINT_URL": "http://other"}, FETCH | REGION),
        # Another way to credentials: those would be unknown here, and ours are not asked for.
        ({"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "-"}, set()),
        ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"}, set()),
        ({"AWS_PROFILE": "mine"}, set()),
        # Those of other services are nobody's business.
        ({"AWS_ENDPOINT_URL_S3": "http://s3"}, FETCH | ENDPOINTS | REGION),
    ],
)
def test_what_a_job_sets_itself_wins(own: dict[str, str], left: set[str]) -> None:
    attempt = placed(environment=[{"name": name, "value": own[name]} for name in own])
    found = given(attempt)
    assert found.keys() == left | own.keys()
    assert {name: found[name] for name in own} == own


def test_each_container_of_a_task_with_a_role_has_a_token_of_its_own() -> None:
    properties = containers_of({"name": "a"}, {"name": "b"}, taskRoleArn=ROLE)
    first, second = a_group(ecs_properties=properties)
    tokens = {given(each)["AWS_CONTAINER_AUTHORIZATION_TOKEN"] for each in (first, second)}
    assert len(tokens) == 2
    issued = fetch_credentials(attempt_id=second.id, token=fetch_token(second), now=NOW)
    assert issued.role_arn == ROLE


def test_nodes_with_a_role_have_tokens_and_others_none() -> None:
    properties = nodes_of(1)
    (with_role,) = properties["nodeRangeProperties"]
    without = {"targetNodes": "1:1", "container": dict(with_role["container"])}
    with_role["container"]["jobRoleArn"] = ROLE
    properties |= {"numNodes": 2, "nodeRangeProperties": [with_role, without]}
    first, second = a_group(node_properties=properties)
    assert given(first).keys() == FETCH | ENDPOINTS | REGION
    assert given(second) == {}


def test_who_creates_the_container_once_more_gives_it_the_same_token() -> None:
    attempt = placed()
    assert given(attempt) == given(attempt)


# --- Fetching -----------------------------------------------------------------------------


def test_a_token_fetches_credentials_that_are_its_jobs_owners() -> None:
    attempt = placed()
    issued = fetch_credentials(attempt_id=attempt.id, token=fetch_token(attempt), now=NOW)
    assert issued.role_arn == ROLE
    assert issued.access_key_id.startswith("ASIA")
    assert issued.expires_at == NOW + LIFETIME
    found = find_credentials(issued.access_key_id)
    assert found is not None
    assert (found.user, found.attempt_id) == (attempt.job.owner, attempt.id)
    assert decrypt_secret(found.encrypted_secret) == issued.secret


def test_nothing_of_them_is_stored_as_it_is() -> None:
    attempt = placed()
    issued = fetch_credentials(attempt_id=attempt.id, token=fetch_token(attempt), now=NOW)
    row = JobCredentials.objects.values_list().get()
    stored = b"".join(
        bytes(each) if isinstance(each, memoryview | bytes) else str(each).encode() for each in row
    )
    for secret in (issued.secret, issued.token, fetch_token(attempt)):
        assert secret.encode() not in stored
        assert secret not in repr(issued)
        assert secret not in repr(container_spec(read(attempt)))


@pytest.mark.parametrize(
    ("later", "lengthened"),
    [(timedelta(minutes=59), False), (timedelta(minutes=61), True), (timedelta(days=3), True)],
)
def test_fetched_again_they_are_the_same_and_good_for_longer(
    later: timedelta, lengthened: bool
) -> None:
    attempt = placed()
    first = fetch_credentials(attempt_id=attempt.id, token=fetch_token(attempt), now=NOW)
    again = fetch_credentials(attempt_id=attempt.id, token=fetch_token(attempt), now=NOW + later)
    assert (again.access_key_id, again.secret, again.token) == (
        first.access_key_id,
        first.secret,
        first.token,
    )
    assert again.expires_at == NOW + LIFETIME + (later if lengthened else timedelta(0))


@pytest.mark.django_db(transaction=True)
def test_processes_that_fetch_at_once_are_given_the_same() -> None:
    attempt = placed()
    gate = threading.Barrier(4)

    def fetch() -> Issued:
        try:
            gate.wait()
            return fetch_credentials(attempt_id=attempt.id, token=fetch_token(attempt), now=NOW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        issued = [each.result() for each in [pool.submit(fetch) for _ in range(4)]]
    assert len(set(issued)) == 1


def test_a_token_of_another_attempt_or_made_up_is_refused_and_makes_nothing() -> None:
    attempt, other = placed(), placed()
    for attempt_id, token in (
        (attempt.id, fetch_token(other)),
        (attempt.id, "made up"),
        (attempt.id, "\udcff"),
        (attempt.id, ""),
        (other.id + 1000, fetch_token(other)),
    ):
        with pytest.raises(NoCredentials, match="no credentials for this token"):
            fetch_credentials(attempt_id=attempt_id, token=token, now=NOW)
    assert not JobCredentials.objects.exists()


def test_after_the_containers_end_there_are_none_to_fetch() -> None:
    attempt = placed()
    Attempt.objects.filter(id=attempt.id).update(ended_at=NOW)
    with pytest.raises(NoCredentials, match="has ended"):
        fetch_credentials(attempt_id=attempt.id, token=fetch_token(attempt), now=NOW)


def test_an_owner_who_may_no_longer_log_in_has_jobs_without_credentials() -> None:
    attempt = placed()
    attempt.job.owner.is_active = False
    attempt.job.owner.save()
    with pytest.raises(NoCredentials, match="owner"):
        fetch_credentials(attempt_id=attempt.id, token=fetch_token(attempt), now=NOW)


def test_a_job_without_a_role_has_no_credentials_whoever_asks() -> None:
    attempt = an_attempt()
    with pytest.raises(NoCredentials, match="no role"):
        fetch_credentials(attempt_id=attempt.id, token=fetch_token(attempt), now=NOW)


def test_a_container_outlives_a_change_of_the_secret_key(settings: Settings) -> None:
    attempt = placed()
    token = fetch_token(attempt)
    first = fetch_credentials(attempt_id=attempt.id, token=token, now=NOW)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert fetch_token(attempt) != token
    assert fetch_credentials(attempt_id=attempt.id, token=token, now=NOW) == first


def test_credentials_that_cannot_be_read_any_more_are_made_anew(settings: Settings) -> None:
    attempt = placed()
    first = fetch_credentials(attempt_id=attempt.id, token=fetch_token(attempt), now=NOW)
    settings.SECRET_KEY = "another"
    again = fetch_credentials(attempt_id=attempt.id, token=fetch_token(attempt), now=NOW)
    assert again.access_key_id != first.access_key_id
    assert find_credentials(first.access_key_id) is None
    assert find_credentials(again.access_key_id) is not None


@pytest.mark.parametrize(
    ("ended_for", "kept"),
    [(None, True), (timedelta(hours=23), True), (timedelta(hours=25), False)],
)
def test_the_sweep_forgets_them_a_day_after_their_containers_end(
    ended_for: timedelta | None, kept: bool
) -> None:
    attempt = placed()
    now = NOW + timedelta(days=9)
    if ended_for is not None:
        # Fetched at the last moment, so good for longer than any.
        fetched = now - ended_for
        fetch_credentials(attempt_id=attempt.id, token=fetch_token(attempt), now=fetched)
        Attempt.objects.filter(id=attempt.id).update(ended_at=fetched)
    else:
        fetch_credentials(attempt_id=attempt.id, token=fetch_token(attempt), now=NOW)
    sweep(now=now)
    assert JobCredentials.objects.exists() == kept


# --- A job's way --------------------------------------------------------------------------


@pytest.fixture
def plain() -> Iterator[tuple[Attempt, World]]:
    attempt = placed(image=SHELL_IMAGE, command=["exit"])
    name = attempt.node.engine.url.removeprefix("fake://")
    yield attempt, world(name)
    forget_world(name)


def test_its_launch_makes_the_service_address_and_its_end_ends_the_credentials(
    plain: tuple[Attempt, World],
) -> None:
    attempt, here = plain
    before = here.service_address
    launch_attempt(attempt_id=attempt.id, now=NOW)
    assert (before, here.service_address) == (False, True)
    issued = fetch_credentials(attempt_id=attempt.id, token=fetch_token(attempt), now=NOW)
    running = find_credentials(issued.access_key_id)
    assert running is not None
    assert (running.expires_at, running.attempt_ended) == (issued.expires_at, False)
    assert reap_attempt(attempt_id=attempt.id, now=NOW + timedelta(seconds=5))
    ended = find_credentials(issued.access_key_id)
    assert ended is not None
    assert ended.attempt_ended
