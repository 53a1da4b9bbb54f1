"""Blocks of documents: the index has one entry for a word and a block, and so stays small.

A block is of the documents of jobs from one id on up to the next block's first; its words hold all of theirs at
least. So a document that is written behind all blocks costs nothing here, until there are enough of them to cut
a new block; one that changes later, or comes late, has its block cut again, if it brings it new words.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from jobs.domain import search
from jobs.models import DocumentBlock, JobDocument

DOCUMENTS = 256
# PostgreSQL keeps at most 1 MB of words together (see its "Text Search Limitations").
BYTES_AT_MOST = 400_000
# They are cut in one transaction.
BLOCKS_AT_ONCE = 8
NOTHING_BEFORE = UUID(int=0)


class _Cut(NamedTuple):
    """The first document of a new block, and the words of all of them."""

    first: UUID
    words: set[str]


def keep_blocks(documents: Mapping[UUID, str]) -> None:
    """Sees to it that blocks hold the words of these documents, which were written by their jobs' ids.

    In the transaction that wrote them, under the lock of the index (`follow`).
    """
    if not documents:
        return
    open_block, _ = DocumentBlock.objects.get_or_create(
        end=None, defaults={"first": NOTHING_BEFORE}
    )
    late = sorted(job_id for job_id in documents if job_id < open_block.first)
    _keep_late({job_id: documents[job_id] for job_id in late})
    if len(late) < len(documents):
        cut_open_block()


def _keep_late(documents: Mapping[UUID, str]) -> None:
    """Those, in order of their ids, that belong into blocks that were cut before."""
    block: DocumentBlock | None = None
    known: set[str] = set()
    lacking: dict[UUID, DocumentBlock] = {}
    for job_id, text in documents.items():
        if block is None or block.end is None or job_id >= block.end:
            block = DocumentBlock.objects.filter(first__lte=job_id).order_by("-first")[0]
            known = set(block.words.split())
        if not known.issuperset(search.indexed_words(text)):
            lacking[block.first] = block
    for each in lacking.values():
        _cut_again(each)


def _cut_again(block: DocumentBlock) -> None:
    rows = JobDocument.objects.filter(job__gte=block.first, job__lt=block.end)
    cuts = list(_cuts(rows))
    # Its beginning stays, whichever documents it has now.
    cuts[0] = cuts[0]._replace(first=block.first)
    block.delete()
    _write(cuts, block.end)


def cut_open_block() -> bool:
    """Cuts some blocks off what has none, and leaves one of the newest: they change most. Whether any was cut."""
    block = DocumentBlock.objects.get(end=None)
    rows = JobDocument.objects.filter(job__gte=block.first)
    job_ids = list(
        rows.order_by("job").values_list("job_id", flat=True)[: (BLOCKS_AT_ONCE + 1) * DOCUMENTS]
    )
    whole = len(job_ids) // DOCUMENTS - 1
    if whole < 1:
        return False
    end = job_ids[whole * DOCUMENTS]
    cuts = list(_cuts(rows.filter(job__lt=end)))
    cuts[0] = cuts[0]._replace(first=block.first)
    # Before its old beginning is another's.
    block.first = end
    block.save(update_fields=["first"])
    _write(cuts, end)
    return True


def _cuts(rows: QuerySet[JobDocument]) -> Iterator[_Cut]:
    """The documents in order, cut where there are enough of them, or enough words."""
    first: UUID | None = None
    words: set[str] = set()
    count = size = 0
    for job_id, text in rows.order_by("job").values_list("job_id", "text").iterator():
        new = search.indexed_words(text) - words
        new_size = sum(len(word.encode()) + 1 for word in new)
        if first is not None and (count == DOCUMENTS or size + new_size > BYTES_AT_MOST):
            yield _Cut(first, words)
            first, words, count, size = None, set(), 0, 0
            new = search.indexed_words(text)
            new_size = sum(len(word.encode()) + 1 for word in new)
        first = first or job_id
        words |= new
        count += 1
        size += new_size
    if first is not None:
        yield _Cut(first, words)


def _write(cuts: Sequence[_Cut], end: UUID | None) -> None:
    ends = [*(cut.first for cut in cuts[1:]), end]
    DocumentBlock.objects.bulk_create(
        [
            DocumentBlock(first=cut.first, end=cut_end, words=" ".join(sorted(cut.words)))
            for cut, cut_end in zip(cuts, ends, strict=True)
        ],
        batch_size=50,
    )
