"""Events are sent by a whole installation whose workers die in the midst of it."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.images import BUSYBOX, busybox_image
from tests.installation import Installation, wait_until
from tests.sending.receiver import Receiver

pytestmark = pytest.mark.processes
CHILDREN = 6


@pytest.fixture(scope="module")
def installation(docker_engine_url: str) -> Iterator[Installation]:
    with Installation(image=busybox_image(docker_engine_url)) as running:
        yield running


def ids_of(receiver: Receiver) -> set[str]:
    """The children that were told of."""
    details: list[dict[str, Any]] = [each.event["detail"] for each in receiver.came]
    return {
        each["jobId"]
        for each in details
        if each.get("arrayProperties", {}).get("index") is not None
    }


def test_each_end_arrives_signed_although_workers_are_killed(installation: Installation) -> None:
    with Receiver().running() as receiver:
        made = installation.post_json(
            "/event-rules/",
            {
                "name": "ends",
                "pattern": {"detail": {"status": ["SUCCEEDED"]}},
                "target_kind": "WEBHOOK",
                "address": receiver.url,
            },
        )
        definition = installation.define(
            jobDefinitionName="work",
            type="container",
            containerProperties={
                "image": BUSYBOX,
                "command": ["true"],
                "resourceRequirements": [
                    {"type": "VCPU", "value": "0.1"},
                    {"type": "MEMORY", "value": "32"},
                ],
            },
        )
        # While one is being sent, whoever sends it dies.
        receiver.held.clear()
        array = installation.submit("many", definition=definition, array_size=str(CHILDREN))
        wait_until(lambda: receiver.came, what="the first event arrives")
        for pid in installation.pids("workers"):
            os.kill(pid, signal.SIGKILL)
        receiver.held.set()
        installation.wait_for(array)
        wait_until(lambda: len(ids_of(receiver)) == CHILDREN, what="all have arrived")
        assert all(each.is_signed_with(made["secret"]) for each in receiver.came)
        told = {each.headers["webhook-id"]: each.event["detail"]["jobId"] for each in receiver.came}
        assert len(told) == len(set(told.values()))

        def are_all_sent() -> bool:
            rows = installation.get("/event-rules/ends/")["deliveries"]
            return len(rows) == CHILDREN + 1 and {each["state"] for each in rows} == {"SENT"}

        wait_until(are_all_sent, what="all are noted")
        # One of them came twice: nobody had noted that it was there.
        assert len(receiver.came) > CHILDREN + 1
