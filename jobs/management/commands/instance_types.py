"""`manage.py instance_types`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs.domain.environments.instance_type_csv import CsvRow, read_rows, write_rows
from jobs.domain.errors import BatchError, InvalidInput
from jobs.domain.resources import format_memory, format_vcpus
from jobs.models import InstanceType
from jobs.selectors.instance_types import all_instance_types
from jobs.services.setup.instance_catalogue import (
    Loaded,
    load_instance_types,
    shipped_rows,
)
from jobs.services.setup.instance_types import values_of


class Command(BaseCommand):
    help = (
        "The instance catalogue: `load` adds types and sets prices from a CSV file, `list` shows what there "
        "is, `export` writes it as CSV that can be loaded again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        load = actions.add_parser("load", help="Add types and set prices; all or nothing.")
        load.add_argument(
            "file",
            nargs="?",
            help="A CSV file in UTF-8. Default: the one that comes with Batchweb.",
        )
        load.add_argument(
            "--dry-run", action="store_true", help="Say what would be done, and do nothing."
        )
        actions.add_parser("list", help="A line a type: size and prices.")
        actions.add_parser("export", help="All types as CSV, to standard output.")

    def handle(self, *args: Any, **options: Any) -> None:
        match options["action"]:
            case "load":
                self._load(options["file"], dry_run=options["dry_run"])
            case "list":
                for row in all_instance_types():
                    self.stdout.write(_line(row))
            case _:
                rows = [
                    {**values_of(row), "custom": "yes" if row.is_custom else ""}
                    for row in all_instance_types()
                ]
                self.stdout.write(write_rows(rows), ending="")

    def _load(self, file: str | None, *, dry_run: bool) -> None:
        try:
            rows = shipped_rows() if file is None else _read(Path(file))
            loaded = load_instance_types(rows=rows, dry_run=dry_run)
        except InvalidInput as error:
            lines = [
                f"{place}: {text}" if place else text
                for place, texts in error.errors.items()
                for text in texts
            ]
            raise CommandError("Nothing was loaded.\n" + "\n".join(lines)) from error
        except BatchError as error:
            raise CommandError(str(error)) from error
        if dry_run:
            self._name_them(loaded)
        self.stdout.write(f"Would load: {loaded}" if dry_run else f"Loaded: {loaded}")

    def _name_them(self, loaded: Loaded) -> None:
        for what, names in (("new", loaded.added), ("changed", loaded.changed)):
            for name in names:
                self.stdout.write(f"{what}: {name}")


def _read(path: Path) -> list[CsvRow]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is no text in UTF-8. Save it as CSV in UTF-8.") from error
    return read_rows(text)


def _line(row: InstanceType) -> str:
    gpus = f", {row.gpus} GPU {row.gpu_name}".rstrip() if row.gpus else ""
    size = f"{format_vcpus(row.milli_vcpus)} vCPU, {format_memory(row.memory_mib)}{gpus}"
    spot = "" if row.spot_usd_per_hour is None else f", Spot {row.spot_usd_per_hour.normalize():f}"
    where = " ".join(filter(None, [row.region, str(row.priced_on or "")]))
    kind = "custom, " if row.is_custom else ""
    price = f"{row.usd_per_hour.normalize():f} USD an hour{spot}"
    return f"{row.name}: {kind}{row.architecture}, {size}; {price}" + (
        f" ({where})" if where else ""
    )
