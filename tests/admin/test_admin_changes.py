"""What the administration changes goes through the services, with their texts."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client

from jobs.models import (
    AccessKey,
    AccessToken,
    ComputeEnvironment,
    DefinitionStatus,
    Engine,
    Job,
    JobDefinition,
    JobQueue,
    JobStatus,
)
from jobs.services.access.access_keys import UNREADABLE, create_access_key
from jobs.services.setup.definitions import register_definition
from tests.builders import (
    NOW,
    a_definition,
    a_job,
    a_queue,
    an_attempt,
    an_engine,
    an_environment,
)

from .rows import url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("boss")]


def act(client: Client, model: type[Model], action: str, *rows: Model) -> str:
    """Runs an action on rows and gives the text of the page that follows."""
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(url(model, "changelist"), data, follow=True).text


def test_a_queue_is_added_with_its_environments_in_order(client: Client) -> None:
    first, second = an_environment(name="first"), an_environment(name="second")
    data = {
        "name": "default",
        "priority": "7",
        "state": "ENABLED",
        "environment_1": second.name,
        "environment_2": first.name,
    }
    assert client.post(url(JobQueue, "add"), data).status_code == 302
    queue = JobQueue.objects.get()
    assert queue.priority == 7
    places = queue.environment_order.values_list("environment__name", flat=True)
    assert list(places) == ["second", "first"]
    assert LogEntry.objects.get().object_id == str(queue.pk)


def test_a_queue_s_errors_stand_beside_their_fields(client: Client) -> None:
    form = (
        client.post(
            url(JobQueue, "add"), {"name": "no spaces", "priority": "-1", "state": "ENABLED"}
        )
        .context["adminform"]
        .form
    )
    assert form.errors["name"][0].startswith("A name starts with a letter or digit")
    assert form.errors["priority"][0].startswith("Priority is between 0 and")
    assert form.errors["environment_1"] == ["Choose at least one environment."]
    assert not JobQueue.objects.exists()


def test_a_queue_s_form_shows_what_is_stored_and_changes_it(client: Client) -> None:
    environment = an_environment(name="here")
    queue = a_queue(environment, priority=3)
    form = client.get(url(JobQueue, "change", queue.pk)).context["adminform"].form
    assert form["environment_1"].initial == "here"
    data = {
        "name": queue.name,
        "priority": "9",
        "state": "DISABLED",
        "environment_1": an_environment(name="there").name,
    }
    assert client.post(url(JobQueue, "change", queue.pk), data).status_code == 302
    queue.refresh_from_db()
    assert (queue.priority, queue.state) == (9, "DISABLED")
    assert [row.name for row in queue.environments.all()] == ["there"]


def test_a_queue_keeps_its_name(client: Client) -> None:
    queue = a_queue(an_environment(name="here"))
    data = {"name": "other", "priority": "1", "state": "ENABLED", "environment_1": "here"}
    assert client.post(url(JobQueue, "change", queue.pk), data).status_code == 302
    assert JobQueue.objects.get().name == queue.name


def test_a_queue_that_a_service_will_not_delete_stays_and_the_page_says_why(
    client: Client,
) -> None:
    job = a_job()
    queue = job.queue
    assert client.get(url(JobQueue, "delete", queue.pk)).status_code == 200
    page = client.post(url(JobQueue, "delete", queue.pk), {"post": "yes"}, follow=True).text
    assert "is enabled. Disable it before you delete it." in page
    assert JobQueue.objects.filter(pk=queue.pk).exists()


def test_a_disabled_queue_is_deleted(client: Client) -> None:
    queue = a_queue(state="DISABLED")
    client.post(url(JobQueue, "delete", queue.pk), {"post": "yes"})
    assert JobQueue.objects.get().status == "DELETING"


@pytest.mark.parametrize("model", [JobQueue, ComputeEnvironment])
def test_actions_disable_and_enable(
    client: Client, model: type[JobQueue] | type[ComputeEnvironment]
) -> None:
    row: Model = a_queue() if model is JobQueue else an_environment()
    assert "Disabled: 1." in act(client, model, "disable_selected", row)
    assert model._default_manager.filter(pk=row.pk, state="DISABLED").exists()
    assert "Enabled: 1." in act(client, model, "enable_selected", row)
    assert model._default_manager.filter(pk=row.pk, state="ENABLED").exists()


def test_an_environment_is_added_and_changed(client: Client) -> None:
    engine = an_engine(name="local")
    data = {
        "name": "small",
        "engine": "local",
        "state": "ENABLED",
        "max_vcpus": "1.5",
        "usd_per_vcpu_hour": "0.1",
        "usd_per_gib_hour": "0.01",
    }
    assert client.post(url(ComputeEnvironment, "add"), data).status_code == 302
    environment = ComputeEnvironment.objects.get()
    assert (environment.engine_id, environment.max_milli_vcpus) == (engine.pk, 1500)
    form = client.get(url(ComputeEnvironment, "change", environment.pk)).context["adminform"].form
    assert "engine" not in form.fields
    assert form["max_vcpus"].initial == "1.5"
    change = {**data, "max_vcpus": "", "state": "DISABLED"}
    client.post(url(ComputeEnvironment, "change", environment.pk), change)
    environment.refresh_from_db()
    assert (environment.max_milli_vcpus, environment.state) == (None, "DISABLED")


def test_an_environment_s_errors_stand_beside_their_fields(client: Client) -> None:
    data = {"name": "", "max_vcpus": "many", "usd_per_vcpu_hour": "-1", "usd_per_gib_hour": ""}
    form = client.post(url(ComputeEnvironment, "add"), data).context["adminform"].form
    assert form.errors["name"] == ["Give a name."]
    assert form.errors["engine"] == ["Choose an engine."]
    assert form.errors["max_vcpus"] == ["vCPUs are a number such as 1 or 0.25."]
    assert form.errors["usd_per_vcpu_hour"][0].startswith("A price is between 0 and")
    assert form.errors["usd_per_gib_hour"][0].startswith("A price is a number")


def test_an_engine_is_added_changed_and_deleted_and_its_status_cannot_be_typed(
    client: Client,
) -> None:
    data = {"name": "farm", "kind": "docker", "url": "tcp://farm:2376", "status": "CONNECTED"}
    assert client.post(url(Engine, "add"), data).status_code == 302
    engine = Engine.objects.get()
    assert engine.status == "UNKNOWN"
    bad = client.post(url(Engine, "change", engine.pk), {**data, "url": "farm"})
    assert bad.context["adminform"].form.errors["url"][0].startswith("An engine's URL is such as")
    change = {**data, "url": "", "name": "other", "kind": "fake"}
    client.post(url(Engine, "change", engine.pk), change)
    engine.refresh_from_db()
    assert (engine.name, engine.kind, engine.url) == ("farm", "docker", "")
    client.post(url(Engine, "delete", engine.pk), {"post": "yes"})
    assert not Engine.objects.exists()


def test_a_definition_is_registered_from_an_older_revision(client: Client, boss: User) -> None:
    rules = [{"onExitCode": "1", "action": "EXIT"}]
    old = a_definition(
        name="hello",
        command=["echo", "a b"],
        evaluate_on_exit=rules,
        timeout_seconds=60,
        container={"user": "nobody"},
        tags={"team": "blue"},
    )
    page = client.get(url(JobDefinition, "change", old.pk)).text
    link = f"{url(JobDefinition, 'add')}?source={old.pk}"
    assert link in page
    form = client.get(link).context["adminform"].form
    data = {field: form[field].initial for field in form.fields}
    assert data["command"] == "echo 'a b'"
    data["image"] = "busybox:1.37"
    assert client.post(link, data).status_code == 302
    new = JobDefinition.objects.get(revision=2)
    assert (new.name, new.command, new.image) == ("hello", ["echo", "a b"], "busybox:1.37")
    assert new.created_by == boss
    assert (new.evaluate_on_exit, new.timeout_seconds) == (rules, 60)
    assert (new.container, new.tags, new.propagate_tags) == ({"user": "nobody"}, old.tags, False)


@pytest.mark.parametrize("source", ["", "x", "9" * 18, "9" * 5000])
def test_a_revision_of_what_is_not_there_starts_empty(client: Client, source: str) -> None:
    page = client.get(url(JobDefinition, "add"), {"source": source})
    assert page.status_code == 200
    assert page.context["adminform"].form.initial == {}


def test_several_containers_are_registered_again_as_they_were(client: Client) -> None:
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
    containers = [{"name": "main", "image": "a", "resourceRequirements": needs}]
    task = {"taskProperties": [{"containers": containers}]}
    old = register_definition(
        fields={"name": "task", "ecs_properties": task, "propagate_tags": True}, by=None, now=NOW
    )
    assert client.get(url(JobDefinition, "change", old.pk)).status_code == 200
    link = f"{url(JobDefinition, 'add')}?source={old.pk}"
    form = client.get(link).context["adminform"].form
    data = {field: form.get_initial_for_field(form.fields[field], field) for field in form.fields}
    assert (data["image"], data["vcpus"]) == ("", "")
    assert client.post(link, data).status_code == 302
    new = JobDefinition.objects.get(revision=2)
    assert (new.ecs_properties, new.propagate_tags) == (task, True)


def test_a_definition_s_errors_stand_beside_their_fields(client: Client) -> None:
    data = {"name": "a b", "image": "", "command": "echo '", "vcpus": "0", "memory_mib": "1"}
    form = client.post(url(JobDefinition, "add"), data).context["adminform"].form
    assert set(form.errors) == {"name", "image", "command", "vcpus", "memory_mib"}


def test_an_action_deregisters_definitions(client: Client) -> None:
    definition = a_definition()
    assert "Deregistered: 1." in act(client, JobDefinition, "deregister_selected", definition)
    definition.refresh_from_db()
    assert definition.status == DefinitionStatus.INACTIVE
    assert "Deregistered: 0." in act(client, JobDefinition, "deregister_selected", definition)


def test_actions_terminate_and_cancel_jobs_through_the_services(client: Client) -> None:
    running = an_attempt().job
    waiting = a_job(status=JobStatus.RUNNABLE)
    done = a_job(status=JobStatus.SUCCEEDED)
    assert "Cancelled: 1." in act(client, Job, "cancel_selected", running, waiting, done)
    waiting.refresh_from_db()
    assert waiting.status == JobStatus.FAILED
    assert waiting.status_reason == "Cancelled in the administration by boss"
    assert "Terminated: 1." in act(client, Job, "terminate_selected", running, waiting, done)
    running.refresh_from_db()
    assert running.stop_reason == "Terminated in the administration by boss"
    assert running.status == JobStatus.STARTING
    done.refresh_from_db()
    assert done.status == JobStatus.SUCCEEDED


def test_an_action_revokes_access_keys(client: Client, boss: User) -> None:
    key, _ = create_access_key(user=boss, name="script", now=NOW)
    assert "Revoked: 1." in act(client, AccessKey, "revoke_selected", key)
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert "Revoked: 0." in act(client, AccessKey, "revoke_selected", key)


def test_an_access_key_whose_secret_cannot_be_read_says_so(client: Client, boss: User) -> None:
    key, secret = create_access_key(user=boss, name="script", now=NOW)
    for path in ("/admin/jobs/accesskey/", f"/admin/jobs/accesskey/{key.pk}/change/"):
        shown = client.get(path).content.decode()
        assert key.access_key_id in shown
        assert secret not in shown
        assert UNREADABLE not in shown
    AccessKey.objects.update(encrypted_secret=b"of another SECRET_KEY")
    for path in ("/admin/jobs/accesskey/", f"/admin/jobs/accesskey/{key.pk}/change/"):
        assert UNREADABLE in client.get(path).content.decode()


def test_an_action_revokes_tokens(client: Client, boss: User) -> None:
    token = AccessToken.objects.create(
        user=boss, name="script", prefix="bw_abc", digest="d" * 64, created_at=NOW
    )
    assert "Revoked: 1." in act(client, AccessToken, "revoke_selected", token)
    token.refresh_from_db()
    assert token.revoked_at is not None
