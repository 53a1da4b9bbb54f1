"""`manage.py api_table`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs.api.table import as_markdown

ROOT = Path(__file__).resolve().parents[3]
PATH = Path("docs") / "api-operations.md"


class Command(BaseCommand):
    help = "Writes docs/api-operations.md: every operation of the API, and what differs from AWS."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="Only says whether it is right.")

    def handle(self, *args: Any, **options: Any) -> None:
        path = ROOT / PATH
        text = as_markdown()
        if options["check"]:
            if not path.exists() or path.read_text() != text:
                raise CommandError(f"{PATH} is not what the code says. Run: manage.py api_table")
            return
        path.write_text(text)
        self.stdout.write(f"Wrote {PATH}.")
