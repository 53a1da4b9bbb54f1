"""What the pictures of the pages are of: some work on a whole installation, and what it is set up with."""

import json

from tests.installation import Installation

# Busy about half of the time, so that there is something to see of what it uses.
RENDER = (
    'sh -c "for i in $(seq 1 2000); do echo rendering frame $i of 2000; '
    'dd if=/dev/zero bs=1M count=60 2>/dev/null | md5sum >/dev/null; sleep 0.2; done"'
)

TILES = "sh -c 'echo tile $AWS_BATCH_JOB_ARRAY_INDEX; test $((AWS_BATCH_JOB_ARRAY_INDEX % 7)) != 5'"
SHARDS = "sh -c 'echo shard $AWS_BATCH_JOB_ARRAY_INDEX; sleep 2'"
HISTORY = "from tests.shown_history import write; write()"
# Who is no administrator, and bound by policies.
VIEWER = "linus"


def work(installation: Installation, hook: str) -> dict[str, str]:
    """Jobs in several states and what they are on; what the pages of the pictures are about, by name.

    `hook` is where a receiver of events listens.
    """
    set_up(installation)
    make_rules(installation, hook)
    done = [installation.submit(f"frame-{number:03}", command="echo done") for number in range(6)]
    failed = installation.submit("simulate", definition="fail")
    kept = installation.submit("train-small", definition="checkpoint", parameters="steps=3")
    tiles = installation.submit("tiles", command=TILES, array_size="24", vcpus="0.25")
    register_pair(installation)
    for job_id in [*done, failed, kept, tiles]:
        installation.wait_for(job_id, seconds=180)
    installation.manage("shell", "--no-imports", "-c", HISTORY)
    make_access_policies(installation)
    # Before others take the room.
    on_spot = installation.submit("sweep", queue="spot", command="sleep 1800", vcpus="0.25")
    installation.wait_for(on_spot, "RUNNING", seconds=120)
    running = installation.submit(
        "render-scene", definition="count", command=RENDER, vcpus="1", memory_mib="512"
    )
    installation.wait_for(running, "RUNNING")
    pair = installation.submit("serve", definition="pair")
    shards = installation.submit(
        "shards", command=SHARDS, array_size="160", queue="nightly", vcpus="0.25"
    )
    film = installation.submit(
        "film", depends_on=json.dumps([{"job_id": shards}, {"job_id": pair}]), timeout_seconds="600"
    )
    installation.submit("publish", depends_on=json.dumps([{"job_id": film}]))
    installation.submit("train-model", command="sleep 900", vcpus="0.75", queue="nightly")
    waiting = installation.submit("merge-frames", command="echo merged", vcpus="1")
    huge = installation.submit("assemble-genome", command="true", memory_mib="900000")
    names = ("running", "failed", "waiting", "huge", "tiles", "shards", "film", "pair", "kept")
    ids = (running, failed, waiting, huge, tiles, shards, film, pair, kept)
    return {**dict(zip(names, ids, strict=True)), **others(installation)}


def set_up(installation: Installation) -> None:
    """Queues, a policy, a resource, a secret, a login, a budget, an alarm, a definition that asks for too much, and an
    environment of Spot instances."""
    installation.post("/queues/", name="nightly", priority="5", environments="local")
    installation.post(
        "/policies/",
        name="teams",
        share_decay_seconds="3600",
        compute_reservation="20",
        share_distribution='[{"shareIdentifier": "blue", "weightFactor": 0.5}]',
    )
    installation.post("/queues/", name="research", environments="local", scheduling_policy="teams")
    installation.post("/resources/", name="licences", total_quantity="10")
    installation.post("/secrets/", name="db/password", value="not shown anywhere")
    installation.post(
        "/registries/", prefix="registry.example.com/lab", username="robot", password="not shown"
    )
    installation.post(
        "/budgets/", name="nightly", scope="QUEUE", queue="nightly", usd_per_month="500"
    )
    installation.post(
        "/alarms/",
        name="queue-too-long",
        metric="WAITING_JOBS",
        comparison="GREATER_THAN",
        threshold="30",
        period_minutes="5",
        periods="2",
        is_enabled="true",
    )
    installation.post(
        "/instance-types/",
        name="rack.small",
        vcpus="0.5",
        memory_mib="512",
        usd_per_hour="0.02",
        spot_usd_per_hour="0.008",
    )
    members = {
        "type": "SPOT",
        "maxvCpus": 2,
        "minvCpus": 0,
        "instanceTypes": ["rack.small"],
        "allocationStrategy": "SPOT_CAPACITY_OPTIMIZED",
        "subnets": ["subnet-1"],
        "securityGroupIds": ["sg-1"],
        "instanceRole": "role",
    }
    hello = installation.get("/definitions/hello/")
    asks = {"image": hello["image"], "vcpus": "2", "memory_mib": "2048"}
    installation.post("/definitions/", name="align", command="echo aligned", **asks)
    environment = {"name": "spot", "engine": "local", "type": "MANAGED"}
    installation.post_json("/environments/", {**environment, "compute_resources": members})
    installation.post("/queues/", name="spot", priority="1", environments="spot")


def make_rules(installation: Installation, hook: str) -> None:
    """Rules that send events: of failed jobs where nothing listens, which its page says, and of others to `hook`."""
    webhook = {"target_kind": "WEBHOOK", "is_enabled": "true"}
    installation.post(
        "/event-rules/",
        name="failures",
        tell_of="JOBS",
        statuses="FAILED",
        address="http://127.0.0.1:9/hook",
        **webhook,
    )
    installation.post(
        "/event-rules/",
        name="frames",
        description="Frames that are ready",
        tell_of="JOBS",
        statuses="SUCCEEDED",
        job_name="frame",
        address=hook,
        **webhook,
    )
    installation.post("/event-rules/", name="on-call", tell_of="ALARMS", address=hook, **webhook)


def make_access_policies(installation: Installation) -> None:
    """Policies, and to whom they are attached: one denies to a group, one denies to a user, one gives to a user."""
    nightly = "arn:aws:batch:us-east-1:123456789012:job-queue/nightly"
    denied_when_privileged = {
        "Sid": "NoPrivilegedContainers",
        "Effect": "Deny",
        "Action": ["batch:SubmitJob", "batch:RegisterJobDefinition"],
        "Resource": "*",
        "Condition": {"Bool": {"batch:Privileged": "true"}},
    }
    denied = {"Effect": "Deny", "Action": "batch:SubmitJob", "Resource": nightly}
    given = {"Effect": "Allow", "Action": "batch:UpdateJobQueue", "Resource": nightly}
    for name, description, statement, whom in (
        ("students", "No privileged containers.", denied_when_privileged, {"group": "students"}),
        ("not-at-night", "The night is for others.", denied, {"user": VIEWER}),
        ("runs-nightly", "Looks after the queue nightly.", given, {"user": "ada"}),
    ):
        document = json.dumps({"Version": "2012-10-17", "Statement": statement})
        made = installation.post(
            "/access/policies/", name=name, description=description, document=document
        )
        installation.post(f"/access/policies/{made['id']}/attach/", **whom)


def others(installation: Installation) -> dict[str, str]:
    """What else has a page of its own: a bulk action, a run that was measured, an instance."""
    chosen = [installation.submit(f"draft-{number}", memory_mib="900000") for number in range(3)]
    bulk = installation.post_json("/jobs/bulk/", {"action": "cancel", "job": chosen})
    rows = installation.get("/environments/spot/")["instances"]
    run = installation.get("/right-sizing/align/")["runs"][0]
    return {"bulk": str(bulk["id"]), "instance": rows[0]["instance_id"], "run": str(run["attempt"])}


def register_pair(installation: Installation) -> None:
    """A definition of two containers, the second of which waits for the first."""
    image = installation.get("/definitions/hello/")["image"]
    needs = [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "64"}]
    both = {"image": image, "resourceRequirements": needs}
    containers = [
        {"name": "warm-up", "command": ["echo", "the cache is warm"], "essential": False, **both},
        {
            "name": "server",
            "command": ["sh", "-c", "echo serving on port 80; sleep 900"],
            "dependsOn": [{"containerName": "warm-up", "condition": "SUCCESS"}],
            "readonlyRootFilesystem": True,
            "linuxParameters": {"tmpfs": [{"containerPath": "/run", "size": 16}]},
            **both,
        },
    ]
    properties = json.dumps({"taskProperties": [{"containers": containers}]})
    for tags in ("team=blue", "team=red"):
        installation.post("/definitions/", name="pair", ecs_properties=properties, tags=tags)
