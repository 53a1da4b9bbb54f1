"""Finding jobs by words among a million: how long it takes, and how large the index is.

    python -m benchmarks search [--documents 1000000]

The documents are of jobs that are not there: what is measured is which jobs are found, not how they are read. Of 50
owners 49 have a fiftieth each of one half, and one has the other half.
"""

import argparse
import random
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Max

from benchmarks.fresh import analyze, heading, machine, seconds_of, spread_ms
from jobs.domain import search
from jobs.models import DocumentBlock, FollowMark, JobDocument, Transition
from jobs.selectors.search import MARK, matching, wanted_by
from jobs.services.search.blocks import cut_open_block

OWNERS = 50
TIMES = 15
PAGE = 25
PORTION = 10_000
# Ids are made one of these apart.
MILLISECONDS = 30
FIRST_MS = 1_700_000_000_000
REASONS = (
    "Essential container in task exited exit code 1",
    "OutOfMemoryError: Container killed due to memory usage exit code 137",
    "CannotPullContainerError: registry.example/studio/render:7: not found",
    "Host EC2 (instance i-0123456789abcdef0) terminated.",
)
# What is sought, by a user: all see everything but "user", who has one job in a hundred.
SOUGHT = (
    ("admin", "a word that all have", "night"),
    ("admin", "a word that half of them have", "train"),
    ("admin", "two such words", "train resnet"),
    ("admin", "three beginnings", "tr re ni"),
    ("admin", "a rare word", "needle"),
    ("admin", "a word that only old ones have", "ancient"),
    ("admin", "a word that none has", "nowhere"),
    ("admin", "one letter", "t"),
    ("admin", "two digits", "12"),
    ("admin", "an id's end", "{id}"),
    ("admin", "words that all blocks have, no document", "frame resnet"),
    ("user", "a word that all have", "night"),
    ("user", "a rare word of another's", "needle"),
    ("user", "a word of all others'", "secretive"),
    ("user", "words that all blocks have, no document", "frame resnet"),
)


def main(arguments: list[str]) -> None:
    """Builds the documents, and prints a line for each search."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=1_000_000)
    count = parser.parse_args(arguments).documents
    heading(f"{machine()}: finding jobs among {count:,} documents")
    admin = User.objects.create(username="admin", is_staff=True)
    owners = [User.objects.create(username=f"user-{number:02}") for number in range(OWNERS)]
    sys.stdout.write(f"  documents written in {seconds_of(lambda: _write(owners, count)):.0f} s\n")
    sys.stdout.write(
        f"  blocks cut in {seconds_of(cut_blocks):.0f} s: {DocumentBlock.objects.count():,}\n"
    )
    analyze()
    _sizes()
    last = JobDocument.objects.order_by("-job")[0]
    for who, what, text in SOUGHT:
        user = admin if who == "admin" else owners[1]
        _measure(user, what, text.format(id=str(last.job_id)[-12:]))
    seconds = [seconds_of(lambda: _read_all("needle")) for _ in range(3)]
    sys.stdout.write(f"  beside: a rare word without an index {spread_ms(seconds)}\n")


def _write(owners: list[User], count: int) -> None:
    chance = random.Random(6)
    for start in range(0, count, PORTION):
        rows = [_row(number, count, owners, chance) for number in range(start, start + PORTION)]
        with _without_jobs():
            JobDocument.objects.bulk_create(rows, batch_size=300)


def _row(number: int, count: int, owners: list[User], chance: random.Random) -> JobDocument:
    milliseconds = FIRST_MS + number * MILLISECONDS
    job_id = UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62) | chance.getrandbits(48) << 14)
    owner = owners[0] if chance.random() < 0.5 else chance.choice(owners)
    kind = ("train resnet", "render frame")[number % 2]
    definition = chance.randrange(200)
    texts = [
        str(job_id)[-12:],
        f"{kind} {number % 5000:04}",
        f"pipeline-{definition}:{definition % 7 + 1}",
        f"queue-{definition % 20}",
        owner.username,
        f"registry.example/studio/tool-{definition % 40}:1.{definition % 9}",
        f"project project-{definition % 30} stage night",
    ]
    texts += [chance.choice(REASONS)] if chance.random() < 0.05 else []
    texts += ["needle"] if number == count // 3 else []
    texts += ["ancient"] if number < count // 2 else []
    texts += ["secretive"] if owner != owners[1] else []
    tags = (("project", f"project-{definition % 30}"), ("stage", "night"))
    marks = [search.owner_mark(owner.pk), search.queue_mark(definition % 20 + 1)]
    text = search.document(texts=texts, marks=[*marks, *search.tag_marks(tags)])
    return JobDocument(job_id=job_id, text=text)


@contextmanager
def _without_jobs() -> Iterator[None]:
    """Documents may be of jobs that are not there."""
    is_postgresql = connection.vendor == "postgresql"
    with (
        connection.constraint_checks_disabled(),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        if is_postgresql:
            cursor.execute("SET LOCAL session_replication_role = replica")
        yield


def cut_blocks() -> None:
    """What the workers of search do behind the history."""
    DocumentBlock.objects.get_or_create(end=None, defaults={"first": UUID(int=0)})
    more = True
    while more:
        with transaction.atomic():
            more = cut_open_block()
    newest = Transition.objects.aggregate(newest=Max("id"))["newest"] or 0
    FollowMark.objects.update_or_create(name=MARK, defaults={"transition_id": newest})


def _sizes() -> None:
    if connection.vendor == "postgresql":
        of_tables = "SELECT {} , pg_total_relation_size(%s::regclass)"
        parts = ("jobs_jobdocument", "jobs_documentblock", "document_block_words")
    else:
        of_tables = "SELECT {} , sum(pgsize) FROM dbstat WHERE name = %s"
        parts = ("jobs_jobdocument", "jobs_documentblock", "jobs_documentblock_index_data")
    with connection.cursor() as cursor:
        for part in parts:
            cursor.execute(of_tables.format("1"), [part])
            sys.stdout.write(f"  {part:32} {(cursor.fetchone()[1] or 0) / 1e6:8.0f} MB\n")


def _measure(user: User, what: str, text: str) -> None:
    found, reached = _find(user, text)
    seconds = sorted(seconds_of(lambda: _find(user, text)) for _ in range(TIMES))
    median, most = 1000 * statistics.median(seconds), 1000 * seconds[-1]
    end = "" if found >= PAGE or reached is None else ", looked at so many"
    sys.stdout.write(
        f"  {user.username:8} {what:42} {median:8.1f} ms, at most {most:7.1f}  ({found} found{end})\n"
    )
    sys.stdout.flush()


def _read_all(word: str) -> list[JobDocument]:
    """What a list without an index would do: read on from the newest until a page is full."""
    rows = JobDocument.objects.filter(text__contains=f" {word}")
    return list(rows.order_by("-job")[:PAGE])


def _find(user: User, text: str) -> tuple[int, UUID | None]:
    """As a page does: how many it finds at least, and where it stopped."""
    wanted = wanted_by(user=user, text=text)
    assert wanted is not None
    found, reached = 0, None
    for window in matching(user=user, wanted=wanted, typed=text, window=PAGE):
        found, reached = found + len(window.job_ids), window.reached
        if found >= PAGE:
            break
    return found, reached
