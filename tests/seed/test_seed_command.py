"""What a newcomer finds, and that nothing of it overwrites what somebody changed."""

import stat
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from jobs.api.signing.authenticate import authenticate
from jobs.models import (
    AccessKey,
    AccessToken,
    ComputeEnvironment,
    Engine,
    InstanceType,
    JobDefinition,
    JobQueue,
)
from jobs.services.access import tokens
from jobs.services.access.access_keys import revoke_access_key
from jobs.services.access.dev_env import read_dev_env
from tests.api.signing import Signer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def dev_env(tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.VAR_DIR = tmp_path
    for name in ("DOCKER_HOST", "BATCHWEB_PASSWORD", "BATCHWEB_HOST", "BATCHWEB_PORT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "dev.env"


def run(command: str, *options: str) -> str:
    out = StringIO()
    call_command(command, *options, stdout=out)
    return out.getvalue()


def test_it_makes_a_user_an_engine_an_environment_a_queue_and_four_definitions() -> None:
    said = run("seed", "--password", "correct horse")
    assert User.objects.get(is_superuser=True).check_password("correct horse")
    assert Engine.objects.get().kind == "docker"
    assert ComputeEnvironment.objects.get().engine.name == "local"
    assert [row.name for row in JobQueue.objects.get(name="default").environments.all()] == [
        "local"
    ]
    assert set(JobDefinition.objects.values_list("name", "milli_vcpus", "memory_mib")) == {
        ("hello", 250, 64),
        ("count", 250, 64),
        ("fail", 250, 64),
        ("checkpoint", 250, 64),
    }
    assert InstanceType.objects.filter(name="m5.large", is_custom=False).exists()
    assert "job definitions hello, count, fail, checkpoint" in said
    assert "282 instance types" in said


def test_a_second_run_makes_nothing_and_changes_nothing() -> None:
    run("seed", "--password", "first")
    User.objects.get().set_password("mine")
    Engine.objects.update(url="tcp://elsewhere:2376")
    JobQueue.objects.update(priority=9, state="DISABLED")
    JobDefinition.objects.update(status="INACTIVE")
    InstanceType.objects.update(usd_per_hour=7)
    assert run("seed", "--password", "second") == "Nothing to make.\n"
    assert User.objects.get().check_password("first")
    assert Engine.objects.get().url == "tcp://elsewhere:2376"
    assert JobQueue.objects.get().priority == 9
    assert not InstanceType.objects.exclude(usd_per_hour=7).exists()
    assert not JobDefinition.objects.exclude(status="INACTIVE").exists()


def test_the_first_engine_is_where_docker_host_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://farm:2376")
    run("seed", "--password", "x")
    assert Engine.objects.get().url == "tcp://farm:2376"


def test_an_image_that_cannot_be_is_refused_and_nothing_is_made() -> None:
    with pytest.raises(CommandError, match="An image is"):
        run("seed", "--password", "x", "--image", "no such image")
    assert not User.objects.exists()
    assert not Engine.objects.exists()


def test_a_generated_password_is_kept_in_dev_env_for_its_owner_alone(dev_env: Path) -> None:
    run("seed")
    kept = read_dev_env(dev_env)
    assert stat.S_IMODE(dev_env.stat().st_mode) == 0o600
    assert User.objects.get().check_password(kept["BATCHWEB_PASSWORD"])


def test_dev_env_has_all_that_a_script_needs(
    dev_env: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCHWEB_HOST", "0.0.0.0")
    monkeypatch.setenv("BATCHWEB_PORT", "8123")
    run("seed")
    run("write_dev_env")
    kept = read_dev_env(dev_env)
    assert kept["BATCHWEB_URL"] == "http://127.0.0.1:8123"
    user = User.objects.get(username=kept["BATCHWEB_USER"])
    assert user.check_password(kept["BATCHWEB_PASSWORD"])
    assert tokens.user_of_token(secret=kept["BATCHWEB_TOKEN"], now=timezone.now()) == user
    assert stat.S_IMODE(dev_env.stat().st_mode) == 0o600


def test_dev_env_has_all_that_the_tools_of_aws_need(dev_env: Path) -> None:
    run("seed")
    run("write_dev_env", "--url", "http://batch.example:8000")
    kept = read_dev_env(dev_env)
    assert kept["AWS_ENDPOINT_URL"] == "http://batch.example:8000"
    assert kept["AWS_DEFAULT_REGION"] == kept["AWS_REGION"] == "us-east-1"
    # One of AWS itself, from the terminal, would not go with this key.
    assert kept["AWS_SESSION_TOKEN"] == ""
    signer = Signer(kept["AWS_ACCESS_KEY_ID"], kept["AWS_SECRET_ACCESS_KEY"])
    caller = authenticate(signer.in_headers(), "batch", signer.at)
    assert caller.user.get_username() == kept["BATCHWEB_USER"]


def test_a_good_token_and_password_are_kept(dev_env: Path) -> None:
    run("seed")
    run("write_dev_env")
    before = dev_env.read_text()
    run("write_dev_env")
    assert dev_env.read_text() == before


def test_a_revoked_token_is_replaced_and_tokens_do_not_pile_up(dev_env: Path) -> None:
    run("seed")
    run("write_dev_env")
    before = read_dev_env(dev_env)
    dev_env.write_text("BATCHWEB_TOKEN=bw_wrong\nnonsense\n'\n")
    run("write_dev_env")
    assert read_dev_env(dev_env)["BATCHWEB_TOKEN"] != before["BATCHWEB_TOKEN"]
    assert AccessToken.objects.filter(revoked_at=None).count() == 1


def revoke_key(kept: dict[str, str]) -> None:
    key = AccessKey.objects.get(access_key_id=kept["AWS_ACCESS_KEY_ID"])
    revoke_access_key(user=key.user, key_id=key.pk, now=timezone.now())


@pytest.mark.parametrize(
    "spoil",
    [
        revoke_key,
        lambda kept: kept.update(AWS_SECRET_ACCESS_KEY="another"),
        lambda kept: kept.pop("AWS_ACCESS_KEY_ID"),
        lambda kept: AccessKey.objects.update(encrypted_secret=b"of another SECRET_KEY"),
        lambda kept: AccessKey.objects.update(user=User.objects.create(username="bob")),
    ],
)
def test_an_access_key_that_is_of_no_use_is_replaced_and_keys_do_not_pile_up(
    dev_env: Path, spoil: Callable[[dict[str, str]], object]
) -> None:
    run("seed")
    run("write_dev_env")
    before = read_dev_env(dev_env)
    spoiled = dict(before)
    spoil(spoiled)
    dev_env.write_text("".join(f"{name}='{value}'\n" for name, value in spoiled.items()))
    run("write_dev_env")
    after = read_dev_env(dev_env)
    assert after["AWS_ACCESS_KEY_ID"] != before["AWS_ACCESS_KEY_ID"]
    signer = Signer(after["AWS_ACCESS_KEY_ID"], after["AWS_SECRET_ACCESS_KEY"])
    user = authenticate(signer.in_headers(), "batch", signer.at).user
    assert AccessKey.objects.filter(user=user, revoked_at=None).count() == 1


def test_a_password_that_was_changed_is_left_empty_and_said_to_be(dev_env: Path) -> None:
    run("seed")
    user = User.objects.get()
    user.set_password("mine alone")
    user.save()
    assert "was changed and is not known here" in run("write_dev_env")
    assert read_dev_env(dev_env)["BATCHWEB_PASSWORD"] == ""


def test_a_password_with_quotes_and_blanks_survives_the_file(dev_env: Path) -> None:
    run("seed", "--password", 'it\'s "a b" $HOME')
    dev_env.write_text("BATCHWEB_PASSWORD='it'\"'\"'s \"a b\" $HOME'\n")
    run("write_dev_env")
    assert read_dev_env(dev_env)["BATCHWEB_PASSWORD"] == 'it\'s "a b" $HOME'


def test_without_a_user_it_says_what_to_run_first() -> None:
    with pytest.raises(CommandError, match="Run seed first"):
        run("write_dev_env")
    with pytest.raises(CommandError, match="Run seed first"):
        run("seed_image")
