"""`manage.py supervisor [--engine NAME]`"""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from jobs.processes.supervisor import run_supervisor


class Command(BaseCommand):
    # Checks import every page; this process has no use for them. The web process runs them.
    requires_system_checks = ()
    help = (
        "Follows the engines: ships logs and usage, hands exits to the workers, finds what was "
        "missed. Run one for all engines, or one for each."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--engine", default="", metavar="NAME", help="Only this engine (default: all)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        run_supervisor(options["engine"])
