"""What the door answers when something is wrong that is not the operation's: with values, names, or the database."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError

from jobs.api import door
from jobs.api.door import answer
from jobs.models import AccessKey
from jobs.services.access import handed_out
from tests.builders import NOW, a_user

from .asking import Refused, ask
from .signing import Signer, a_signer

pytestmark = pytest.mark.django_db
FAILED: dict[str, type[Exception]] = {
    "IntegrityError": IntegrityError,
    "DataError": DataError,
    "ProgrammingError": ProgrammingError,
}


@pytest.fixture
def signer() -> Signer:
    return a_signer(a_user())


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_a_number_of_hundreds_of_digits_is_too_large(number: int) -> None:
    boss = a_user(is_staff=True)
    with pytest.raises(Refused, match=r"maxResults: .* is too large") as refused:
        ask(boss, "DescribeJobQueues", maxResults=number)
    assert (refused.value.status, len(refused.value.message) < 200) == (400, True)
    share = {"shareIdentifier": "a", "weightFactor": number}
    with pytest.raises(Refused, match=r"weightFactor: .* is too large"):
        ask(
            boss,
            "CreateSchedulingPolicy",
            name="p",
            fairsharePolicy={"shareDistribution": [share]},
        )


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_busy_database_is_told_as_that_and_warned_of(
    error: type[Exception],
    signer: Signer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(door, "authenticate", _raises(error("database is locked")))
    found = answer(signer.in_headers(), NOW)
    assert found.status == 500
    assert b"The database is busy or away." in found.body
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert found.headers["x-amzn-RequestId"] in record.getMessage()


@pytest.mark.parametrize("name", FAILED)
def test_a_bug_that_the_database_finds_is_logged_as_a_bug(
    name: str,
    signer: Signer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(door, "authenticate", _raises(FAILED[name]("no such column")))
    found = answer(signer.in_headers(), NOW)
    assert found.status == 500
    assert b"An error of Batchweb's own" in found.body
    (record,) = caplog.records
    assert (record.levelno, record.exc_info is not None) == (logging.ERROR, True)
    assert found.headers["x-amzn-RequestId"] in record.getMessage()


@pytest.mark.parametrize("headers", [{"smithy-protocol": "rpc-v2-cbor"}, {}])
def test_a_service_of_an_endless_name_is_refused_in_its_format(
    headers: dict[str, str], signer: Signer
) -> None:
    call = signer.with_(service="x" * 70_000).in_headers(target="/")
    found = answer(replace(call, headers={**call.headers, **headers}), NOW)
    assert 400 <= found.status < 500
    assert len(found.body) < 2000


def test_a_call_whose_use_cannot_be_written_is_answered_all_the_same(
    signer: Signer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(handed_out, "note_use", _raises(OperationalError("database is locked")))
        found = answer(signer.in_headers(), NOW)
        assert found.status == 200
        assert found.afterwards is not None
        found.afterwards()
    (record,) = caplog.records
    assert (record.levelno, "database is locked" in record.getMessage()) == (logging.WARNING, True)


def test_a_use_is_noted_after_the_answer_and_once_a_minute(signer: Signer) -> None:
    found = answer(signer.in_headers(), NOW)
    assert AccessKey.objects.get().last_used_at is None
    assert found.afterwards is not None
    found.afterwards()
    assert AccessKey.objects.get().last_used_at == NOW
    soon = NOW + timedelta(seconds=10)
    assert answer(signer.with_(at=soon).in_headers(), soon).afterwards is None


def _raises(error: Exception) -> Callable[..., Any]:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    return fail
