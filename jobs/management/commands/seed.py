"""`manage.py seed`."""

import os
import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from jobs.domain.errors import BatchError
from jobs.services.access import dev_env
from jobs.services.setup.seed import DEFAULT_IMAGE, USER_NAME, needs_administrator, seed


class Command(BaseCommand):
    help = (
        "Makes a first administrator, engine, environment, queue and job definitions, where there is "
        "none of them yet. Safe to run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--password",
            help="The administrator's. Default: BATCHWEB_PASSWORD; else one is generated and kept "
            "in dev.env.",
        )
        parser.add_argument(
            "--image", default=DEFAULT_IMAGE, help="The job definitions' (default: %(default)s)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        password = ""
        if needs_administrator():
            password = (
                options["password"] or os.environ.get("BATCHWEB_PASSWORD") or _kept_password()
            )
        try:
            made = seed(
                password=password,
                image=options["image"],
                engine_url=os.environ.get("DOCKER_HOST", ""),
                now=timezone.now(),
            )
        except BatchError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Made: {'; '.join(made)}." if made else "Nothing to make.")


def _kept_password() -> str:
    """A generated password, written down before there is a user of that password to be locked out."""
    path = settings.VAR_DIR / "dev.env"
    kept = dev_env.read_dev_env(path)
    if not kept.get(dev_env.PASSWORD):
        kept |= {dev_env.USER: USER_NAME, dev_env.PASSWORD: secrets.token_urlsafe(12)}
        dev_env.write_dev_env(path, kept)
    return kept[dev_env.PASSWORD]
