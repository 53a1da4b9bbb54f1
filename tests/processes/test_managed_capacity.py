"""Managed capacity with real containers: launch, packing, limits, idle end, and Spot work that gives way."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.images import BUSYBOX, busybox_image
from tests.installation import Installation, wait_until

pytestmark = pytest.mark.processes

# Burns CPU in eight processes for a while, and says how much of it this container was given meanwhile, in thousandths
# of a CPU, and from when to when, in milliseconds of the machine's clock. (cgroups, version 2 or 1.)
BURN = """
cpu_us() {
    if [ -f /sys/fs/cgroup/cpu.stat ]; then sed -n 's/^usage_usec //p' /sys/fs/cgroup/cpu.stat
    else echo $(($(cat /sys/fs/cgroup/cpuacct/cpuacct.usage) / 1000)); fi
}
now_ms() { cut -d' ' -f1 /proc/uptime | tr -d . | sed 's/$/0/'; }
for i in 1 2 3 4 5 6 7 8; do while :; do :; done & done
used=$(cpu_us); began=$(now_ms)
sleep 4
ended=$(now_ms)
echo "$((($(cpu_us) - used) / (ended - began))) $began $ended"
kill $(jobs -p)
"""


@pytest.fixture(scope="module")
def installation(docker_engine_url: str) -> Iterator[Installation]:
    settings = {"BATCHWEB_INSTANCE_IDLE_SECONDS": "3", "BATCHWEB_STOP_GRACE_SECONDS": "1"}
    with Installation(image=busybox_image(docker_engine_url), environment=settings) as running:
        running.post(
            "/instance-types/",
            name="rack.small",
            vcpus="1",
            memory_mib="512",
            usd_per_hour="0.06",
            spot_usd_per_hour="0.02",
        )
        yield running


def a_queue(installation: Installation, name: str, kind: str, **resources: Any) -> str:
    """A queue with an environment of its own, of the same name."""
    members: dict[str, Any] = {
        "type": kind,
        "maxvCpus": 2,
        "subnets": ["subnet-1"],
        "securityGroupIds": ["sg-1"],
        **resources,
    }
    if kind in ("EC2", "SPOT"):
        members |= {
            "instanceTypes": ["rack.small"],
            "instanceRole": "role",
            "allocationStrategy": "BEST_FIT_PROGRESSIVE",
        }
    installation.post_json(
        "/environments/",
        {"name": name, "engine": "local", "type": "MANAGED", "compute_resources": members},
    )
    installation.post("/queues/", name=name, priority="1", environments=name)
    return name


def define(installation: Installation, script: str, *, vcpus: str, **more: Any) -> str:
    return installation.define(
        jobDefinitionName="work",
        type="container",
        containerProperties={
            "image": BUSYBOX,
            "command": ["sh", "-c", script],
            "resourceRequirements": [
                {"type": "VCPU", "value": vcpus},
                {"type": "MEMORY", "value": "64"},
            ],
        },
        **more,
    )


def instances(installation: Installation, environment: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = installation.get(f"/environments/{environment}/")["instances"]
    return found


def test_jobs_share_an_instance_that_ends_when_it_is_idle(installation: Installation) -> None:
    queue = a_queue(installation, "packed", "EC2")
    definition = define(installation, "sleep 2", vcpus="0.5")
    jobs = [installation.submit(f"part-{n}", queue=queue, definition=definition) for n in range(2)]
    for job in jobs:
        installation.wait_for(job, "RUNNING")

    (instance,) = instances(installation, queue)
    assert (instance["type"], instance["live_attempts"], instance["used_vcpus"]) == (
        "rack.small",
        2,
        "1",
    )
    installation.wait_for_all(jobs)
    wait_until(lambda: not instances(installation, queue), what="it is ended")
    ended = installation.get(f"/instances/{instance['instance_id']}/")
    assert (ended["state"], ended["end_cause"]) == ("ENDED", "IDLE")
    # A minute at least: 0.06 USD an hour, of which the jobs used a part.
    assert float(ended["usd"]) >= 0.001
    assert 0 < float(ended["idle_usd"]) < float(ended["usd"])


def test_busy_jobs_together_get_no_more_than_the_one_vcpu_of_their_instance(
    installation: Installation,
) -> None:
    queue = a_queue(installation, "noisy", "EC2")
    definition = define(installation, BURN, vcpus="0.5")
    jobs = [
        installation.submit(f"burner-{n}", queue=queue, definition=definition) for n in range(2)
    ]

    ended = installation.wait_for_all(jobs)
    assert [job["status"] for job in ended] == ["SUCCEEDED"] * 2, ended
    hosts = [(job["attempts"][0]["host_id"], job["attempts"][0]["instance_type"]) for job in ended]
    assert hosts[0] == hosts[1]
    assert hosts[0][1] == "rack.small"
    milli, began, ended_at = zip(
        *([int(part) for part in installation.log(job).split()] for job in jobs), strict=True
    )
    assert max(began) < min(ended_at), "they did not burn at the same time"
    # The kernel hands out a tenth of a second's quota at a time.
    assert 300 < sum(milli) <= 1050


def test_fargate_needs_no_instance_and_has_its_sizes(installation: Installation) -> None:
    queue = a_queue(installation, "fargate", "FARGATE")
    definition = installation.define(
        jobDefinitionName="serverless",
        type="container",
        platformCapabilities=["FARGATE"],
        containerProperties={
            "image": BUSYBOX,
            "command": ["true"],
            "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
            "resourceRequirements": [
                {"type": "VCPU", "value": "0.25"},
                {"type": "MEMORY", "value": "512"},
            ],
        },
    )
    job = installation.submit("serverless", queue=queue, definition=definition)

    ended = installation.wait_for(job)
    assert ended["status"] == "SUCCEEDED"
    (attempt,) = ended["attempts"]
    assert (attempt["capacity"], attempt["instance_type"]) == ("FARGATE", None)


def test_spot_work_gives_way_to_on_demand_work_and_is_tried_again(
    installation: Installation,
) -> None:
    spot = a_queue(installation, "spare", "SPOT")
    installation.post("/environments/spare/", interruption_seconds="2")
    # It ends well when it is told to, so that the next try goes on: here, at once.
    script = 'trap "exit 1" TERM; [ $AWS_BATCH_JOB_ATTEMPT = 2 ] && exit 0; sleep 600 & wait'
    definition = define(
        installation,
        script,
        vcpus="1",
        retryStrategy={
            "attempts": 3,
            "evaluateOnExit": [
                {"onStatusReason": "Host EC2*", "action": "RETRY"},
                {"onReason": "*", "action": "EXIT"},
            ],
        },
    )
    victims = [
        installation.submit(f"spare-{n}", queue=spot, definition=definition) for n in range(2)
    ]
    for job in victims:
        installation.wait_for(job, "RUNNING")
    hosts = {each["instance_id"] for each in instances(installation, spot)}
    assert len(hosts) == 2

    urgent = installation.submit(
        "urgent", definition=define(installation, "sleep 1", vcpus="2"), queue="default"
    )

    assert installation.wait_for(urgent)["status"] == "SUCCEEDED"
    for ended in installation.wait_for_all(victims):
        assert ended["status"] == "SUCCEEDED", ended
        first = ended["attempts"][0]
        assert first["status_reason"].startswith("Host EC2 (instance i-")
        assert len(ended["attempts"]) == 2
    for instance_id in hosts:
        gone = installation.get(f"/instances/{instance_id}/")
        assert gone["end_cause"] == "INTERRUPTED_FOR_ROOM"
