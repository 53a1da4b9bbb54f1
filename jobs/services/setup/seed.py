"""What a newcomer finds: a user, instance types, an engine, an environment, a queue and four job definitions.

Each is made only where there is none of its kind yet, so that nothing which somebody changed, or
deleted on purpose, comes back at the next start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from jobs.models import (
    ComputeEnvironment,
    Engine,
    EngineKind,
    InstanceType,
    JobDefinition,
    JobQueue,
)

from .definitions import register_definition
from .engines import create_engine
from .environments import create_environment
from .instance_catalogue import load_instance_types, shipped_rows
from .queues import create_queue

USER_NAME = "admin"
ENGINE_NAME = ENVIRONMENT_NAME = "local"
QUEUE_NAME = "default"
DEFAULT_IMAGE = "busybox:1.36"


@dataclass(frozen=True, slots=True)
class Example:
    """A seeded job definition; its command is a shell's, and `options` are what else it is registered with."""

    name: str
    description: str
    script: str
    arguments: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)


# The steps that are done are a file in the checkpoint directory, and it changes by being replaced: so whatever moment
# the container is killed at, a step is done or it is not. As process 1 a shell heeds SIGTERM only with a
# trap, and runs the trap only between commands: so the work is waited for.
CHECKPOINT_SCRIPT = """\
steps=$1
done="$BATCHWEB_CHECKPOINT_DIR/steps"
trap 'echo "Told to stop: $(cat "$BATCHWEB_INTERRUPTION_NOTICE")"; exit 143' TERM
touch "$done" || exit 1
echo "Attempt $AWS_BATCH_JOB_ATTEMPT goes on after step $(wc -l < "$done") of $steps."
while i=$(($(wc -l < "$done") + 1)); [ "$i" -le "$steps" ]; do
  sleep 1 & wait $!
  { cat "$done"; echo "step $i"; } > "$done.new" && mv "$done.new" "$done" || exit 1
  echo "step $i"
done
echo "All $steps steps are done."
"""


EXAMPLES = (
    Example(
        "hello",
        "Greets, and says which job it is",
        'echo "Hello from Batchweb. I am job $AWS_BATCH_JOB_ID."',
    ),
    Example(
        "count",
        "Prints a line a second, twenty times: watch its log",
        'for i in $(seq 1 20); do echo "line $i of 20"; sleep 1; done',
    ),
    Example(
        "fail",
        "Fails on purpose with exit code 3",
        'echo "Something went wrong, on purpose." >&2; exit 3',
    ),
    Example(
        "checkpoint",
        "A step a second, saved in its checkpoint directory: interrupt it, and it goes on where it was",
        CHECKPOINT_SCRIPT,
        arguments=("checkpoint", "Ref::steps"),
        options={
            "parameters": {"steps": "30"},
            "attempts": 3,
            "evaluate_on_exit": [
                {"action": "RETRY", "onStatusReason": "Host EC2*"},
                {"action": "EXIT", "onReason": "*"},
            ],
        },
    ),
)


def needs_administrator() -> bool:
    """Whether there is no administrator yet, so that `seed` would make one."""
    return not User.objects.filter(is_superuser=True).exists()


def seed(*, password: str, image: str, engine_url: str, now: datetime) -> list[str]:
    """Makes what is missing, all or nothing; gives what it made, in words.

    `password` is for the user that it makes, if it makes one. `engine_url` is the first engine's; empty:
    as DOCKER_HOST says, in each process. Raises InvalidInput for an image or URL that cannot be.
    """
    with transaction.atomic():
        return [
            *_seed_user(password),
            *_seed_instance_types(),
            *_seed_engine(engine_url),
            *_seed_environment(now),
            *_seed_queue(now),
            *_seed_definitions(image, now),
        ]


def _seed_user(password: str) -> list[str]:
    if not needs_administrator():
        return []
    user = User.objects.filter(username=USER_NAME).first()
    if user is not None:
        # Somebody took the name, and took its rights away: it is not ours to give them back.
        return []
    User.objects.create_superuser(USER_NAME, password=password)
    return [f"administrator {USER_NAME}"]


def _seed_instance_types() -> list[str]:
    if InstanceType.objects.exists():
        return []
    loaded = load_instance_types(rows=shipped_rows())
    return [f"{len(loaded.added)} instance types"]


def _seed_engine(url: str) -> list[str]:
    if Engine.objects.exists():
        return []
    create_engine(fields={"name": ENGINE_NAME, "kind": EngineKind.DOCKER, "url": url})
    return [f"engine {ENGINE_NAME}"]


def _seed_environment(now: datetime) -> list[str]:
    engine = Engine.objects.order_by("id").first()
    if engine is None or ComputeEnvironment.objects.exists():
        return []
    create_environment(fields={"name": ENVIRONMENT_NAME, "engine": engine.name}, now=now)
    return [f"environment {ENVIRONMENT_NAME}"]


def _seed_queue(now: datetime) -> list[str]:
    environment = ComputeEnvironment.objects.order_by("id").first()
    if environment is None or JobQueue.objects.exists():
        return []
    create_queue(fields={"name": QUEUE_NAME, "environments": [environment.name]}, now=now)
    return [f"queue {QUEUE_NAME}"]


def _seed_definitions(image: str, now: datetime) -> list[str]:
    if JobDefinition.objects.exists():
        return []
    for example in EXAMPLES:
        register_definition(
            fields={
                "name": example.name,
                "description": example.description,
                "image": image,
                "command": ["sh", "-c", example.script, *example.arguments],
                "vcpus": "0.25",
                "memory_mib": 64,
                **example.options,
            },
            by=None,
            now=now,
        )
    return ["job definitions " + ", ".join(example.name for example in EXAMPLES)]
