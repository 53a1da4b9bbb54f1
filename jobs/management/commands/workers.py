"""`manage.py workers`"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from jobs.processes.workers import run_workers


class Command(BaseCommand):
    # Checks import every page; this process has no use for them. The web process runs them.
    requires_system_checks = ()
    help = "Runs a pool of workers that launch, stop and reap containers and pull images."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--num-workers", type=int, default=settings.BATCHWEB_WORKERS, help="for short tasks"
        )
        parser.add_argument("--pull-workers", type=int, default=1, help="for image pulls")

    def handle(self, *args: Any, **options: Any) -> None:
        run_workers(short_workers=options["num_workers"], pull_workers=options["pull_workers"])
