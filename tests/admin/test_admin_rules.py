"""Policies, resources, secrets, GPUs and what queues and environments allow: changed by the services."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.models import (
    ComputeEnvironment,
    ConsumableResource,
    JobQueue,
    Node,
    SchedulingPolicy,
    Secret,
)
from jobs.services.access.secrets import create_secret, resolve
from tests.builders import (
    NOW,
    a_consumable,
    a_hold,
    a_node,
    a_policy,
    a_queue,
    an_environment,
)

from .rows import url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("boss")]
RULE = {"reason": "X", "state": "RUNNABLE", "maxTimeSeconds": 600, "action": "CANCEL"}


def errors(response: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = response.context["adminform"].form.errors
    return found


def test_a_policy_is_added_changed_and_deleted(client: Client) -> None:
    shares = [{"shareIdentifier": "a", "weightFactor": 0.5}]
    data = {
        "name": "fair",
        "share_decay_seconds": "600",
        "compute_reservation": "",
        "share_distribution": json.dumps(shares),
    }
    assert client.post(url(SchedulingPolicy, "add"), data).status_code == 302
    policy = SchedulingPolicy.objects.get()
    assert policy.share_distribution == shares
    page = client.get(url(SchedulingPolicy, "change", policy.pk))
    assert json.loads(page.context["adminform"].form["share_distribution"].initial) == shares
    change = {**data, "compute_reservation": "20"}
    client.post(url(SchedulingPolicy, "change", policy.pk), change)
    policy.refresh_from_db()
    assert (policy.compute_reservation, policy.share_distribution) == (20, shares)
    a_queue(name="research", scheduling_policy=policy)
    refused = client.post(
        url(SchedulingPolicy, "delete", policy.pk), {"post": "yes"}, follow=True
    ).text
    assert "The queue research uses the policy fair." in refused
    bad = client.post(url(SchedulingPolicy, "add"), {"share_distribution": "["})
    assert set(errors(bad)) == {"name", "share_distribution"}


def test_a_resource_is_added_changed_and_kept_while_it_is_held(client: Client) -> None:
    data = {"name": "licences", "type": "REPLENISHABLE", "total_quantity": "5"}
    assert client.post(url(ConsumableResource, "add"), data).status_code == 302
    resource = ConsumableResource.objects.get()
    bad = client.post(url(ConsumableResource, "change", resource.pk), {"total_quantity": "x"})
    assert list(errors(bad)) == ["total_quantity"]
    client.post(url(ConsumableResource, "change", resource.pk), {"total_quantity": "8"})
    resource.refresh_from_db()
    assert resource.total_quantity == 8
    a_hold(resource=resource)
    page = client.post(
        url(ConsumableResource, "delete", resource.pk), {"post": "yes"}, follow=True
    ).text
    assert "Jobs hold 1 of licences." in page


def test_a_resource_that_nobody_holds_is_deleted(client: Client) -> None:
    resource = a_consumable()
    client.post(url(ConsumableResource, "delete", resource.pk), {"post": "yes"})
    assert not ConsumableResource.objects.exists()


def test_a_secret_is_written_and_never_read(client: Client, boss: User) -> None:
    data = {"name": "db/password", "value": " hunter2 "}
    assert client.post(url(Secret, "add"), data).status_code == 302
    secret = Secret.objects.get()
    assert secret.owner == boss
    assert "hunter2" not in client.get(url(Secret, "change", secret.pk)).text
    client.post(url(Secret, "change", secret.pk), {"value": "", "shared": "on"})
    assert resolve(references=["db/password"], owner=boss) == {"db/password": " hunter2 "}
    client.post(url(Secret, "change", secret.pk), {"value": "other", "shared": "on"})
    assert resolve(references=["db/password"], owner=boss) == {"db/password": "other"}
    refused = client.post(url(Secret, "add"), {"name": "a b", "value": "hunter3"})
    assert list(errors(refused)) == ["name"]
    assert "hunter3" not in refused.text
    client.post(url(Secret, "delete", secret.pk), {"post": "yes"})
    assert not Secret.objects.exists()


def test_sharing_somebody_s_secret_keeps_its_owner(client: Client) -> None:
    owner = User.objects.create_user("owner")
    secret = create_secret(owner=owner, fields={"name": "n", "value": "v"}, now=NOW)
    client.post(url(Secret, "change", secret.pk), {"value": "", "shared": "on"})
    secret.refresh_from_db()
    assert (secret.owner, secret.shared) == (owner, True)


def test_only_the_gpus_of_a_node_can_be_typed(client: Client) -> None:
    node = a_node(milli_vcpus=4000)
    data = {"gpus": "2", "milli_vcpus": "9000", "name": "other"}
    client.post(url(Node, "change", node.pk), data)
    name = node.name
    node.refresh_from_db()
    assert (node.gpus, node.milli_vcpus, node.name) == (2, 4000, name)
    bad = client.post(url(Node, "change", node.pk), {"gpus": "many"})
    assert errors(bad)["gpus"] == ["GPUs are a whole number such as 1."]
    assert client.get(url(Node, "add")).status_code == 403
    assert client.post(url(Node, "delete", node.pk), {"post": "yes"}).status_code == 403


def test_a_queue_s_policy_backfill_and_rules_are_set(client: Client) -> None:
    an_environment(name="here")
    a_policy(name="fair")
    data = {
        "name": "q",
        "priority": "1",
        "state": "ENABLED",
        "environment_1": "here",
        "scheduling_policy": "fair",
        "time_limit_actions": json.dumps([RULE]),
    }
    assert client.post(url(JobQueue, "add"), data).status_code == 302
    queue = JobQueue.objects.get()
    assert queue.scheduling_policy is not None
    assert (queue.scheduling_policy.name, queue.backfill) == ("fair", False)
    form = client.get(url(JobQueue, "change", queue.pk)).context["adminform"].form
    assert form["scheduling_policy"].value() == "fair"
    assert json.loads(form["time_limit_actions"].value()) == [RULE]
    refused = client.post(
        url(JobQueue, "change", queue.pk), {**data, "scheduling_policy": "", "backfill": "on"}
    )
    assert "keeps one" in errors(refused)["scheduling_policy"][0]
    change = {**data, "backfill": "on", "time_limit_actions": ""}
    client.post(url(JobQueue, "change", queue.pk), change)
    queue.refresh_from_db()
    assert (queue.backfill, queue.time_limit_actions) == (True, [])


def test_what_an_environment_lends_is_set(client: Client) -> None:
    environment = an_environment()
    paths = [{"path": "/data", "readOnly": True}]
    data = {
        "state": "ENABLED",
        "usd_per_vcpu_hour": "1",
        "usd_per_gib_hour": "1",
        "allowed_host_paths": json.dumps(paths),
        "allow_privileged": "on",
    }
    client.post(url(ComputeEnvironment, "change", environment.pk), data)
    environment.refresh_from_db()
    assert (environment.allowed_host_paths, environment.allow_privileged) == (paths, True)
    form = client.get(url(ComputeEnvironment, "change", environment.pk)).context["adminform"].form
    assert json.loads(form["allowed_host_paths"].value()) == paths
    bad = client.post(
        url(ComputeEnvironment, "change", environment.pk), {**data, "allowed_host_paths": "data"}
    )
    assert list(errors(bad)) == ["allowed_host_paths"]
