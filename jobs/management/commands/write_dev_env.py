"""`manage.py write_dev_env`."""

import os
import socket
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from jobs.domain.errors import BatchError
from jobs.services import dev_env
from jobs.services.seed import USER_NAME

# An address that means "all of this machine's" is none that a client can call.
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104


class Command(BaseCommand):
    help = (
        "Writes dev.env (readable by its owner alone) for scripts: BATCHWEB_URL, BATCHWEB_TOKEN, "
        "BATCHWEB_USER, BATCHWEB_PASSWORD. A token and a password in it that are good are kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", help="Default: of BATCHWEB_HOST and BATCHWEB_PORT.")
        parser.add_argument("--user", default=USER_NAME, help="Default: %(default)s.")

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.VAR_DIR / "dev.env"
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {options['user']}. Run seed first.")
        kept = dev_env.read_dev_env(path)
        password = _known_password(user, kept.get(dev_env.PASSWORD, ""))
        try:
            token = dev_env.working_token(
                user=user,
                known=kept.get(dev_env.TOKEN, ""),
                token_name=f"{path} on {socket.gethostname()}"[-128:],
                now=timezone.now(),
            )
        except BatchError as error:
            raise CommandError(str(error)) from error
        dev_env.write_dev_env(
            path,
            {
                dev_env.URL: options["url"] or _url(),
                dev_env.TOKEN: token,
                dev_env.USER: user.username,
                dev_env.PASSWORD: password,
            },
        )
        self.stdout.write(f"Wrote {path}.")
        if not password:
            self.stdout.write(
                f"The password of {user.username} was changed and is not known here, so it is left "
                f"empty. A new one: manage.py changepassword {user.username}"
            )


def _known_password(user: User, kept: str) -> str:
    candidates = (kept, os.environ.get("BATCHWEB_PASSWORD", ""))
    return next((each for each in candidates if each and user.check_password(each)), "")


def _url() -> str:
    host = os.environ.get("BATCHWEB_HOST", "127.0.0.1")
    port = os.environ.get("BATCHWEB_PORT", "8000")
    bracketed = f"[{host}]" if ":" in host else host
    return f"http://{ANY_ADDRESS.get(host, bracketed)}:{port}"
