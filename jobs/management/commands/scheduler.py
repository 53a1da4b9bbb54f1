"""`manage.py scheduler`"""

from typing import Any

from django.core.management.base import BaseCommand

from jobs.processes.scheduler import run_scheduler


class Command(BaseCommand):
    # Checks import every page; this process has no use for them. The web process runs them.
    requires_system_checks = ()
    help = (
        "Decides which job runs where. Run as many as you like: one is active, the others stand by."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        run_scheduler()
