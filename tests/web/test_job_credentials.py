"""The container credentials endpoint, as SDKs see it."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.credentials import ContainerProvider
from botocore.utils import ContainerMetadataFetcher
from django.test import Client
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from jobs.models import Attempt, JobStatus
from jobs.services.attempts.job_credentials import fetch_token
from tests.builders import NOW, a_job, an_attempt

pytestmark = pytest.mark.django_db

ROLE = "arn:aws:iam::123456789012:role/submitter"


@pytest.fixture
def attempt() -> Attempt:
    job = a_job(status=JobStatus.RUNNING, attempts_made=1, container={"jobRoleArn": ROLE})
    return an_attempt(job=job)


def fetch(client: Client, attempt: Attempt, token: str | None) -> Any:
    headers = {} if token is None else {"Authorization": token}
    return client.get(f"/job-credentials/{attempt.id}", headers=headers)


def test_who_shows_the_token_is_given_the_credentials(client: Client, attempt: Attempt) -> None:
    answer = fetch(client, attempt, fetch_token(attempt))
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert set(body) == {"RoleArn", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    assert body["RoleArn"] == ROLE
    expires_at = parse_datetime(body["Expiration"])
    assert expires_at is not None
    assert expires_at - timezone.now() > timedelta(hours=5)


def test_botocores_own_provider_reads_them(
    client: Client, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetcher: Any = ContainerMetadataFetcher()

    def ask(full_url: str, headers: Any, timeout: float) -> Any:
        return client.get(full_url.removeprefix("http://169.254.170.2"), headers=headers).json()

    monkeypatch.setattr(fetcher, "_get_response", ask)
    environment = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://169.254.170.2/job-credentials/{attempt.id}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": fetch_token(attempt),
    }
    found = ContainerProvider(environment, fetcher).load()
    assert found is not None
    assert found.access_key.startswith("ASIA")
    assert not found.refresh_needed()


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (None, "NoIdInRequest"),
        ("made up", "InvalidIdInRequest"),
        ("x" * 1000, "InvalidIdInRequest"),
        ("\xff", "InvalidIdInRequest"),
    ],
)
def test_others_are_refused_in_the_words_of_ecs(
    client: Client, attempt: Attempt, token: str | None, code: str
) -> None:
    answer = fetch(client, attempt, token)
    assert answer.status_code == 400
    assert answer["Cache-Control"] == "no-store"
    assert set(answer.json()) == {"code", "message"}
    assert answer.json()["code"] == code


def test_a_login_is_no_token(client: Client, attempt: Attempt) -> None:
    client.force_login(attempt.job.owner)
    assert fetch(client, attempt, None).status_code == 400


def test_an_ended_container_is_refused(client: Client, attempt: Attempt) -> None:
    Attempt.objects.filter(id=attempt.id).update(ended_at=NOW)
    answer = fetch(client, attempt, fetch_token(attempt))
    assert answer.status_code == 400
    assert "has ended" in answer.json()["message"]


def test_a_number_beyond_all_ids_is_none(client: Client) -> None:
    answer = client.get(f"/job-credentials/{10**30}", headers={"Authorization": "x"})
    assert answer.status_code == 400


def test_other_methods_are_refused(client: Client, attempt: Attempt) -> None:
    answer = Client(enforce_csrf_checks=True).post(
        f"/job-credentials/{attempt.id}", headers={"Authorization": fetch_token(attempt)}
    )
    assert answer.status_code == 405
    assert answer["Allow"] == "GET"
