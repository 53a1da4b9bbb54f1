"""Loading instance types and their prices from CSV: the catalogue that comes with Batchweb, or an owner's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from django.db import IntegrityError, transaction

from jobs.domain.environments.instance_type_csv import CUSTOM, CsvRow, read_rows
from jobs.domain.errors import Conflict, InvalidInput
from jobs.domain.validation import Checker
from jobs.models import InstanceType

from .instance_types import WRITTEN_FIELDS, InstanceTypeFields, announce, cleaned

SHIPPED_FILE = Path(__file__).resolve().parents[2] / "data" / "instance_types.csv"
NOT_CUSTOM = "{name} is of the catalogue, not custom. Leave this empty."
BATCH_SIZE = 500


@dataclass(slots=True)
class Loaded:
    """What loading a file does, by types' names.

    `left_alone` are custom types that the file names without saying that they are custom.
    """

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    left_alone: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        text = (
            f"{len(self.added)} new, {len(self.changed)} changed, {len(self.unchanged)} as before"
        )
        if not self.left_alone:
            return f"{text}."
        names = ", ".join(self.left_alone)
        return (
            f"{text}. Custom types were left alone (the file does not call them custom): {names}."
        )


@cache
def shipped_rows() -> tuple[CsvRow, ...]:
    """The catalogue that comes with Batchweb."""
    return tuple(read_rows(SHIPPED_FILE.read_text(encoding="utf-8")))


def load_instance_types(*, rows: Sequence[CsvRow], dry_run: bool = False) -> Loaded:
    """Adds the types that are new, and gives known ones the file's prices; all or nothing.

    Sizes of the catalogue's types do not change: another size is an error. A custom type is changed only by a
    row that calls it custom. `dry_run`: says what would be done, and does nothing. Raises InvalidInput, which
    names line and column of each error, or Conflict if somebody else added a type of the file meanwhile.
    """
    try:
        with transaction.atomic():
            known = {row.name: row for row in _locked(rows)}
            loaded, new, changed = _compared(rows, known)
            if dry_run:
                return loaded
            InstanceType.objects.bulk_create(new, batch_size=BATCH_SIZE)
            InstanceType.objects.bulk_update(changed, WRITTEN_FIELDS, batch_size=BATCH_SIZE)
            if new or changed:
                announce()
    except IntegrityError:
        raise Conflict(
            "Somebody else added types at the same moment. Nothing was loaded: load the file again."
        ) from None
    return loaded


def _locked(rows: Sequence[CsvRow]) -> list[InstanceType]:
    names = {str(row.fields["name"]) for row in rows}
    # The table is small: naming thousands in a query would cost more than reading it.
    locked = InstanceType.objects.select_for_update().order_by("id")
    return [row for row in locked if row.name in names]


def _compared(
    rows: Sequence[CsvRow], known: Mapping[str, InstanceType]
) -> tuple[Loaded, list[InstanceType], list[InstanceType]]:
    """What is to be done, and the rows to add and to change; InvalidInput if any is wrong."""
    loaded = Loaded()
    new: list[InstanceType] = []
    changed: list[InstanceType] = []
    checker = Checker()
    for row in rows:
        current = known.get(str(row.fields["name"]))
        if current is not None and current.is_custom and not row.is_custom:
            loaded.left_alone.append(current.name)
            continue
        clean = _clean(row, current, checker)
        if clean is None:
            continue
        if current is None:
            new.append(clean.put_into(InstanceType(is_custom=row.is_custom)))
            loaded.added.append(clean.name)
        elif clean.differs_from(current):
            changed.append(clean.put_into(current))
            loaded.changed.append(clean.name)
        else:
            loaded.unchanged.append(clean.name)
    checker.done()
    return loaded, new, changed


def _clean(
    row: CsvRow, current: InstanceType | None, checker: Checker
) -> InstanceTypeFields | None:
    """The row's type; None, and an error for `checker`, if anything about it is wrong."""
    if current is not None and row.is_custom and not current.is_custom:
        checker.add(row.place(CUSTOM), NOT_CUSTOM.format(name=current.name))
        return None
    try:
        return cleaned(
            fields=row.fields,
            current=current,
            is_custom=row.is_custom,
            # The name was looked for, and each is in the file once.
            is_taken=lambda _name: False,
        )
    except InvalidInput as error:
        for column, texts in error.errors.items():
            for text in texts:
                checker.add(row.place(column), text)
    return None
