"""A job as the API has it, and the AWS CLI's command for one like it."""

import json
import shlex
from typing import Any

import pytest
from django.test import Client

from jobs.models import Job, JobDependency
from jobs.services.requests.submit import submit_job
from jobs.web.contexts.aws_request import command_of, overrides_in_words, request_of
from tests.builders import (
    NOW,
    a_consumable,
    a_definition,
    a_job,
    a_policy,
    a_queue,
    a_user,
    an_array,
    containers_of,
)

HERE = "http://batch.example.com:8000"


def submitted(**fields: Any) -> Job:
    """A job that was submitted as the form would."""
    queue = fields.pop("queue", None) or a_queue()
    definition = fields.pop("definition", None) or a_definition()
    values = {"name": "render", "queue": queue.name, "definition": str(definition)}
    owner = a_user(is_staff=True)
    job = submit_job(owner=owner, fields={**values, **fields}, now=NOW)
    return Job.objects.select_related("queue", "definition", "spec").get(pk=job.pk)


def test_what_the_definition_says_is_left_out(db: None) -> None:
    job = submitted()
    assert command_of(request_of(job), HERE).split(" \\\n  ") == [
        "aws batch submit-job",
        f"--endpoint-url {HERE}",
        "--job-name render",
        f"--job-queue {job.queue.name}",
        f"--job-definition {job.definition}",
    ]


@pytest.mark.parametrize(
    ("fields", "member", "value", "words"),
    [
        (
            {"command": ["echo", "it's"]},
            "containerOverrides",
            {"command": ["echo", "it's"]},
            ["command"],
        ),
        (
            {"vcpus": "2", "memory_mib": "1024"},
            "containerOverrides",
            {
                "resourceRequirements": [
                    {"type": "VCPU", "value": "2"},
                    {"type": "MEMORY", "value": "1024"},
                ]
            },
            ["resources"],
        ),
        (
            {"environment": [{"name": "A", "value": "\u202e$(x)\n"}]},
            "containerOverrides",
            {"environment": [{"name": "A", "value": "\u202e$(x)\n"}]},
            ["environment variables"],
        ),
        ({"parameters": {"scene": "forest"}}, "parameters", {"scene": "forest"}, ["parameters"]),
        ({"attempts": "3"}, "retryStrategy", {"attempts": 3}, ["retries"]),
        (
            {"timeout_seconds": "90"},
            "timeout",
            {"attemptDurationSeconds": 90},
            ["time limit"],
        ),
        ({"array_size": "5"}, "arrayProperties", {"size": 5}, []),
        ({"tags": {"team": "blue"}}, "tags", {"team": "blue"}, []),
    ],
)
def test_what_is_different_is_an_option(
    db: None, fields: dict[str, Any], member: str, value: object, words: list[str]
) -> None:
    job = submitted(definition=a_definition(command=["echo", "Ref::scene"]), **fields)
    request = request_of(job)
    assert request[member] == value
    assert overrides_in_words(request) == words
    # As a shell would take it apart.
    options = shlex.split(command_of(request, HERE).replace("\\\n", ""))
    name = "--" + "".join(f"-{c.lower()}" if c.isupper() else c for c in member)
    assert json.loads(options[options.index(name) + 1]) == value


def test_characters_that_a_screen_obeys_are_escaped_in_the_command(db: None) -> None:
    job = submitted(environment=[{"name": "A", "value": "\u202e\x1b[2J"}])
    command = command_of(request_of(job), HERE)
    assert "\u202e" not in command
    assert "\\u202e\\u001b[2J" in command


def test_shares_consumables_and_dependencies_are_told(db: None, page: Client) -> None:
    resource = a_consumable(name="licences")
    queue = a_queue(scheduling_policy=a_policy())
    job = submitted(
        queue=queue,
        share_identifier="blue",
        scheduling_priority="7",
        consumables=[{"consumableResource": resource.name, "quantity": 2}],
        propagate_tags="true",
    )
    other = a_job()
    JobDependency.objects.create(job=job, on=other)
    told = page.get(f"/jobs/{job.pk}/api/", {"format": "json"}).json()
    asked = told["submit_job"]
    assert asked["shareIdentifier"] == "blue"
    assert asked["schedulingPriorityOverride"] == 7
    assert asked["consumableResourcePropertiesOverride"] == {
        "consumableResourceList": [{"consumableResource": "licences", "quantity": 2}]
    }
    assert asked["dependsOn"] == [{"jobId": str(other.pk)}]
    assert "--propagate-tags" in told["command"].split()


def test_containers_of_their_own_are_overridden_by_name(db: None) -> None:
    definition = a_definition(ecs_properties=containers_of({"name": "web"}, {"name": "side"}))
    override = {"taskProperties": [{"containers": [{"name": "side", "command": ["date"]}]}]}
    job = submitted(definition=definition, ecs_overrides=override)
    assert request_of(job)["ecsPropertiesOverride"] == override


def test_an_image_of_its_own_is_no_option_of_the_command(db: None, page: Client) -> None:
    job = submitted(image="busybox:other")
    assert overrides_in_words(request_of(job)) == ["image"]
    assert "busybox:other" not in command_of(request_of(job), HERE)
    assert "AWS’s clients cannot ask for" in page.get(f"/jobs/{job.pk}/api/").text


def test_the_page_shows_what_describe_jobs_answers(page: Client) -> None:
    job = a_job(status="RUNNABLE", status_reason="</pre><script>\u202e", name="solve")
    html = page.get(f"/jobs/{job.pk}/api/").text
    assert "&quot;jobName&quot;: &quot;solve&quot;" in html
    assert "&lt;/pre&gt;&lt;script&gt;\\u202e" in html
    assert "\u202e" not in html
    told = page.get(f"/jobs/{job.pk}/api/", {"format": "json"}).json()
    assert told["job"]["jobId"] == str(job.pk)


def test_commands_go_to_the_server_that_shows_them(page: Client) -> None:
    url, here = f"/jobs/{a_job().pk}/api/", {"SERVER_NAME": "localhost", "SERVER_PORT": "8123"}
    told = page.get(url, {"format": "json"}, **here).json()  # type: ignore[arg-type]
    words = shlex.split(told["command"].replace("\\\n", ""))
    assert words[words.index("--endpoint-url") + 1] == "http://localhost:8123"
    html = page.get(url, **here).text  # type: ignore[arg-type]
    assert "aws batch describe-jobs --endpoint-url http://localhost:8123 --jobs" in html


def test_the_command_of_a_child_submits_its_array(page: Client) -> None:
    array = an_array(4)
    told = page.get(f"/jobs/{array.pk}:2/api/", {"format": "json"}).json()
    assert told["submit_job"]["arrayProperties"] == {"size": 4}
    assert told["job"]["arrayProperties"]["index"] == 2
    assert "submits the whole array" in page.get(f"/jobs/{array.pk}:2/api/").text


def test_a_stranger_sees_neither(bobs_page: Client) -> None:
    assert bobs_page.get(f"/jobs/{a_job().pk}/api/").status_code == 404
