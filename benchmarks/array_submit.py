"""Submitting an array of 10,000 children: ours, beside the same rows written by Django's bulk_create.

    python -m benchmarks array_submit [--size 10000] [--rounds 5]

Ours is the whole service: checks, spec, parent, children, their counters and their first line of history, in
one transaction. The alternative writes the children and their history alone. DATABASE_URL chooses the
database (it is emptied); without it SQLite in a folder of its own.
"""

import argparse
import statistics
from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from benchmarks.fresh import heading, machine, seconds_of, spread_ms
from jobs.domain.ids import child_id, new_job_id
from jobs.models import Job, JobDefinition, JobQueue, JobSpec, Transition
from jobs.services.requests.submit import submit_job
from tests.builders import a_definition, a_queue, a_user


def ours(definition: JobDefinition, queue: JobQueue, owner: User, size: int) -> Job:
    return submit_job(
        owner=owner,
        fields={
            "name": "array",
            "queue": queue.name,
            "definition": definition.name,
            "array_size": size,
        },
        now=timezone.now(),
    )


@transaction.atomic
def bulk_create(definition: JobDefinition, queue: JobQueue, owner: User, size: int) -> None:
    now = timezone.now()
    parent_id = new_job_id()
    spec = JobSpec.objects.create(id=parent_id, image=definition.image, command=definition.command)
    parent = Job(
        id=parent_id,
        spec=spec,
        name="array",
        queue=queue,
        definition=definition,
        owner=owner,
        status_changed_at=now,
        created_at=now,
        milli_vcpus=1000,
        memory_mib=512,
        array_size=size,
    )
    parent.save(force_insert=True)
    Job.objects.bulk_create(
        (
            Job(
                id=child_id(parent_id, index),
                parent=parent,
                array_index=index,
                array_size=size,
                spec=spec,
                name="array",
                queue=queue,
                definition=definition,
                owner=owner,
                status_changed_at=now,
                created_at=now,
                milli_vcpus=1000,
                memory_mib=512,
            )
            for index in range(size)
        ),
        batch_size=1000,
    )
    Transition.objects.bulk_create(
        (
            Transition(job_id=child_id(parent_id, index), to_status="SUBMITTED", at=now)
            for index in range(size)
        ),
        batch_size=1000,
    )


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    rows = (a_definition(), a_queue(), a_user())
    times: dict[str, list[float]] = {"ours": [], "bulk_create": []}
    for _ in range(options.rounds):
        times["bulk_create"].append(seconds_of(lambda: bulk_create(*rows, options.size)))
        times["ours"].append(seconds_of(lambda: ours(*rows, options.size)))
    heading(f"{machine()}: submit of an array of {options.size} children, {options.rounds} rounds")
    for name, values in times.items():
        print(f"  {name:12} {spread_ms(values)}")
    ratio = statistics.median(times["bulk_create"]) / statistics.median(times["ours"])
    print(f"  ours is {ratio:.1f} times as fast   (aim: under 1000 ms)")
    assert Job.objects.filter(created_at__gt=timezone.now() - timedelta(hours=1)).count() == (
        2 * options.rounds * (options.size + 1)
    )
