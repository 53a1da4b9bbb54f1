"""An image is pulled with the login that its job may use, and what came with a login serves no other job."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from jobs import queueing
from jobs.domain.errors import InvalidInput
from jobs.engines.fake.scripts import run_command
from jobs.models import (
    Attempt,
    ImagePull,
    Job,
    JobStatus,
    Secret,
    Transition,
)
from jobs.services.access.registry_logins import delete_login, update_login
from jobs.services.access.secrets import update_secret
from jobs.services.attempts.pulls import pull_image
from jobs.services.passes.sweep import sweep
from jobs.services.requests.submit import submit_job
from tests.builders import (
    NOW,
    a_definition,
    a_group,
    a_job,
    a_queue,
    a_user,
    an_environment,
    containers_of,
    nodes_of,
)

from .machine import ACCOUNTS, IMAGE, NAMED, SECRET, Machine, a_login, a_secret_of, told

pytestmark = pytest.mark.django_db


def test_a_job_gets_its_image_with_its_owner_s_login(machine: Machine, ada: User) -> None:
    login = a_login(ada)
    play = machine.start(ada)
    assert play.status() == JobStatus.RUNNING
    assert play.world.pulls == [(IMAGE, "ada")]
    login.refresh_from_db()
    assert login.last_used_at is not None
    assert machine.pulls() == [(IMAGE, f"login:{login.pk}")]


def test_without_a_login_the_reason_says_what_to_do(machine: Machine, ada: User) -> None:
    play = machine.start(ada)
    assert told(play) == (
        JobStatus.FAILED,
        f"CannotPullContainerError: {IMAGE}: no basic auth credentials. There is no login for "
        "localhost:5000/team/tool that this job may use. Check the image's name; if the registry wants a login, "
        "add one under Registries.",
        f"The registry does not give the image {IMAGE} to who has no login.",
    )


def test_a_login_that_is_refused_is_named_by_what_it_is_for(machine: Machine, ada: User) -> None:
    a_login(ada, password="hunter2")
    status, reason, explanation = told(machine.start(ada))
    assert status == JobStatus.FAILED
    assert reason == (
        f"CannotPullContainerError: {IMAGE}: unauthorized. The registry refuses the login for localhost:5000. "
        "Renew it, or check the image's name and that it may pull it."
    )
    assert "login for localhost:5000" in explanation


def test_another_s_login_is_not_used_nor_what_it_brought(
    machine: Machine, ada: User, bob: User
) -> None:
    a_login(ada)
    assert machine.start(ada).status() == JobStatus.RUNNING
    other = machine.start(bob)
    assert IMAGE in other.world.scripts
    status, reason, _ = told(other)
    assert status == JobStatus.FAILED
    assert reason.startswith(f"CannotPullContainerError: {IMAGE}: no basic auth credentials. ")
    # His own opens it to him, and hers goes on.
    a_login(bob)
    assert machine.start(bob).status() == JobStatus.RUNNING
    assert machine.start(ada).status() == JobStatus.RUNNING


@pytest.mark.parametrize(
    "image",
    [
        "localhost:5000/team/tool:2",
        "localhost:5000/team/tool@sha256:" + "a" * 64,
        "cafe",
        "sha256:" + "c" * 64,
    ],
)
def test_by_no_other_name_is_it_had_either(
    machine: Machine, ada: User, bob: User, image: str
) -> None:
    a_login(ada)
    play = machine.start(ada)
    play.world.scripts[image] = run_command
    assert machine.start(bob, image=image).status() == JobStatus.FAILED


def test_what_was_proven_once_is_not_asked_again_until_the_login_changes(
    machine: Machine, ada: User
) -> None:
    login = a_login(ada)
    machine.start(ada)
    play = machine.start(ada)
    assert play.status() == JobStatus.RUNNING
    assert play.world.pulls == [(IMAGE, "ada")]
    update_login(login=login, by=ada, fields={"password": ACCOUNTS["ada"]}, now=play.now())
    machine.start(ada)
    assert play.world.pulls == [(IMAGE, "ada")] * 2
    update_login(login=login, by=ada, fields={"password": "wrong"}, now=play.now())
    assert machine.start(ada).status() == JobStatus.FAILED
    delete_login(login=login)
    assert machine.start(ada).status() == JobStatus.FAILED


def test_an_image_that_nobody_needs_a_login_for_stays_everybody_s(
    machine: Machine, ada: User, bob: User
) -> None:
    a_login(ada, prefix="registry.example.com")
    image = "registry.example.com/open/tool:1"
    first = machine.start(bob, image="fake/sh")
    first.world.pullable[image] = run_command
    assert machine.start(ada, image=image).status() == JobStatus.RUNNING
    assert machine.start(bob, image=image).status() == JobStatus.RUNNING
    assert first.world.pulls == [(image, "ada"), (image, "")]
    # Images that lay on the machine before are asked about nowhere.
    assert machine.start(bob, image="fake/sh").status() == JobStatus.RUNNING
    assert len(first.world.pulls) == 2


@pytest.mark.parametrize(
    ("stored", "used"),
    [
        ([("team", "localhost:5000", True)], "team"),
        ([("team", "localhost:5000", True), ("ada", "localhost:5000", False)], "ada"),
        ([("team", "localhost:5000/team", True), ("ada", "localhost:5000", False)], "team"),
        (
            [("team", "localhost:5000/team", False), ("ada", "localhost:5000/team/tool", False)],
            "ada",
        ),
        ([("team", "localhost:5000/tea", True), ("ada", "localhost:5000", False)], "ada"),
    ],
)
def test_the_longest_prefix_counts_and_the_owner_s_before_everybody_s(
    machine: Machine, stored: list[tuple[str, str, bool]], used: str
) -> None:
    owner = a_user(is_staff=True)
    for username, prefix, shared in stored:
        a_login(owner, prefix, username=username, shared=shared)
    assert machine.start(owner).world.pulls == [(IMAGE, used)]


def test_an_administrator_s_job_uses_no_login_of_others(machine: Machine, ada: User) -> None:
    a_login(ada)
    assert machine.start(a_user(is_staff=True)).status() == JobStatus.FAILED


def test_a_secret_that_the_container_names_goes_before_logins(machine: Machine, ada: User) -> None:
    a_login(ada)
    a_secret_of(ada, {"username": "bob", "password": ACCOUNTS["bob"]})
    play = machine.start(ada, **NAMED)
    assert play.status() == JobStatus.RUNNING
    assert play.world.pulls == [(IMAGE, "bob")]
    machine.start(ada, **NAMED)
    assert len(play.world.pulls) == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            "hunter2",
            f'The secret {SECRET} has to hold JSON: {{"username": "...", "password": "..."}}.',
        ),
        ({"username": "hunter2"}, f"The secret {SECRET} has to hold JSON, "),
        (None, f"There is no secret {SECRET} that jobs of ada may use."),
    ],
)
def test_a_secret_that_is_no_login_fails_the_job_in_aws_s_words(
    machine: Machine, ada: User, bob: User, value: object, said: str
) -> None:
    a_secret_of(bob if value is None else ada, value or {"username": "bob", "password": "for bob"})
    status, reason, explanation = told(machine.start(ada, **NAMED))
    assert status == JobStatus.FAILED
    beginning = "ResourceInitializationError: unable to pull secrets or registry auth: "
    assert reason.startswith(beginning + said)
    assert explanation.endswith("Mend that, and submit the job again.")
    assert "hunter2" not in reason + explanation


def test_a_secret_whose_registry_refuses_it_is_named(machine: Machine, ada: User) -> None:
    a_secret_of(ada, {"username": "ada", "password": "hunter2"})
    reason = told(machine.start(ada, **NAMED))[1]
    assert f"The registry refuses the user name and password in the secret {SECRET}." in reason
    secret = Secret.objects.get(owner=ada)
    value = json.dumps({"username": "ada", "password": ACCOUNTS["ada"]})
    update_secret(secret=secret, by=ada, fields={"value": value}, now=NOW)
    assert machine.start(ada, **NAMED).status() == JobStatus.RUNNING


def test_passwords_that_cannot_be_read_any_more_are_told(
    machine: Machine, ada: User, settings: Settings
) -> None:
    a_login(ada)
    a_secret_of(ada, {"username": "ada", "password": "for ada"})
    settings.SECRET_KEY = "another" * 10
    assert (
        "The password of the login for localhost:5000 cannot be read" in told(machine.start(ada))[1]
    )
    assert f"The secret {SECRET} cannot be read" in told(machine.start(ada, **NAMED))[1]


def test_containers_of_one_job_each_have_their_own(machine: Machine, ada: User) -> None:
    a_secret_of(ada, {"username": "bob", "password": ACCOUNTS["bob"]})
    a_login(ada)
    other = "localhost:5000/team/other:1"
    containers = containers_of(
        {"name": "one", "image": IMAGE}, {"name": "two", "image": other, **NAMED}
    )
    attempts = a_group(ecs_properties=containers, owner=ada, queue=machine.queue)
    first = machine.start(ada, image="fake/sh")
    first.world.pullable[other] = run_command
    play = machine.play(attempts)
    assert play.states() == "running running"
    assert sorted(play.world.pulls) == [(other, "bob"), (IMAGE, "ada")]


def test_nodes_of_one_job_share_a_pull_and_fail_together(
    machine: Machine, ada: User, bob: User
) -> None:
    a_login(ada)
    properties = nodes_of(3, container={"image": IMAGE})
    group = {"node_properties": properties, "node_count": 3, "queue": machine.queue}
    play = machine.play(a_group(owner=ada, **group))
    assert play.states() == "running running running"
    assert play.world.pulls == [(IMAGE, "ada")]
    other = machine.play(a_group(owner=bob, **group))
    assert other.status() == JobStatus.FAILED
    assert other.job.status_reason.startswith("CannotPullContainerError: ")


def test_a_login_that_goes_while_it_is_waited_for_leaves_its_jobs_to_the_next(
    machine: Machine, ada: User
) -> None:
    login = a_login(ada)
    attempt = machine.start(ada, image="fake/sh").rows()[0]
    Attempt.objects.filter(id=attempt.id).update(
        image=IMAGE, container_id="", started_at=None, launch_token=""
    )
    Job.objects.filter(id=attempt.job_id).update(status=JobStatus.STARTING)
    pull = ImagePull.objects.create(
        engine=machine.engine,
        image=IMAGE,
        login=f"login:{login.pk}",
        repository="localhost:5000/team/tool",
        status="PULLING",
        started_at=NOW,
        updated_at=NOW,
    )
    delete_login(login=login)
    pull_image(pull_id=pull.id)
    pull.refresh_from_db()
    assert (pull.status, pull.detail) == ("FAILED", "The login was deleted.")
    attempt.refresh_from_db()
    assert attempt.ended_at is None


def test_a_pull_that_brought_nothing_takes_no_image_from_anybody(
    machine: Machine, ada: User, bob: User
) -> None:
    """Whoever makes up a login for what lies on a machine, and a tag that there is not."""
    first = machine.start(ada, image="fake/sh")
    first.world.scripts[IMAGE] = run_command
    a_login(bob, username="nobody")
    failed = machine.start(bob, image="localhost:5000/team/tool:absent")
    assert failed.status() == JobStatus.FAILED
    play = machine.start(ada)
    assert play.status() == JobStatus.RUNNING
    assert IMAGE not in [image for image, _ in play.world.pulls]


def test_what_is_coming_with_a_login_is_not_started_by_others(
    machine: Machine, ada: User, bob: User
) -> None:
    first = machine.start(ada, image="fake/sh")
    # It has come, and whoever brought it died before he could say so.
    first.world.scripts[IMAGE] = run_command
    ImagePull.objects.create(
        engine=machine.engine,
        image=IMAGE,
        login=f"login:{a_login(ada).pk}",
        status="PULLING",
        started_at=NOW,
        updated_at=NOW,
    )
    assert machine.start(bob).status() == JobStatus.FAILED


def test_a_pull_that_was_lost_is_asked_for_with_the_same_login(machine: Machine, ada: User) -> None:
    login = a_login(ada)
    play = machine.start(ada)
    ImagePull.objects.update(status="PULLING", updated_at=NOW)
    play.queue.clear()
    sweep(now=play.now())
    assert (queueing.PULL, ImagePull.objects.get(login=f"login:{login.pk}").id) in play.queue
    assert ImagePull.objects.count() == 1


def test_nothing_secret_is_on_the_engine_in_the_job_or_in_what_was_handed_over(
    machine: Machine, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    a_login(ada)
    play = machine.start(ada)
    seen = [repr(play.container(play.rows()[0]).spec), repr(vars(play.job)), caplog.text]
    spec = play.container(play.rows()[0]).spec
    seen += [repr(dict(spec.environment)), repr(dict(spec.labels))]
    seen += [repr(vars(row)) for row in (*Transition.objects.all(), *ImagePull.objects.all())]
    assert not any(ACCOUNTS["ada"] in each for each in seen)


def test_a_submission_is_refused_that_names_a_secret_which_is_not_there(ada: User) -> None:
    definition = a_definition(container=NAMED)
    fields = {"name": "tool", "queue": a_queue(an_environment()), "definition": definition}
    with pytest.raises(InvalidInput, match=f"There is no secret {SECRET} that your jobs may use."):
        submit_job(owner=ada, fields=fields, now=NOW)
    a_secret_of(ada, {"username": "ada", "password": "x"})
    job = submit_job(owner=ada, fields=fields, now=NOW)
    assert job.spec.container == NAMED


@pytest.mark.parametrize(
    ("reason", "leads_there"),
    [
        (f"CannotPullContainerError: {IMAGE}: unauthorized", True),
        ("ResourceInitializationError: unable to pull secrets or registry auth: None.", True),
        ("Essential container in task exited", False),
    ],
)
def test_the_page_of_a_job_whose_image_was_refused_leads_to_the_logins(
    client: Client, visitor: User, reason: str, leads_there: bool
) -> None:
    job = a_job(owner=visitor, status=JobStatus.FAILED, status_reason=reason, container=NAMED)
    page = client.get(f"/jobs/{job.pk}/").text
    assert ("Registries and their logins" in page) is leads_there
    assert f"the secret {SECRET}" in page
