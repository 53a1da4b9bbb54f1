"""`manage.py write_dev_env`."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from jobs.domain.errors import BatchError
from jobs.services.access import dev_env
from jobs.services.setup.seed import USER_NAME

# An address that means "all of this machine's" is none that a client can call.
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104


class Command(BaseCommand):
    help = (
        "Writes dev.env (readable by its owner alone) for scripts: BATCHWEB_URL, BATCHWEB_TOKEN, "
        "BATCHWEB_USER, BATCHWEB_PASSWORD, and what AWS's tools need to come here: AWS_ENDPOINT_URL, "
        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION. What is good in it is kept."
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
        url = options["url"] or _url()
        password = _known_password(user, kept.get(dev_env.PASSWORD, ""))
        try:
            given = {**_token(user, kept, path), **_access_key(user, kept, path)}
        except BatchError as error:
            raise CommandError(str(error)) from error
        dev_env.write_dev_env(
            path,
            {
                dev_env.URL: url,
                dev_env.USER: user.username,
                dev_env.PASSWORD: password,
                dev_env.ENDPOINT_URL: url,
                dev_env.NO_HOST_PREFIX: "true",
                **given,
                **dict.fromkeys(dev_env.REGIONS, settings.BATCHWEB_AWS_REGION),
            },
        )
        self.stdout.write(f"Wrote {path}.")
        if not password:
            self.stdout.write(
                f"The password of {user.username} was changed and is not known here, so it is left "
                f"empty. A new one: manage.py changepassword {user.username}"
            )


def _token(user: User, kept: Mapping[str, str], path: Path) -> dict[str, str]:
    token = dev_env.working_token(
        user=user,
        known=kept.get(dev_env.TOKEN, ""),
        token_name=_name(path),
        now=timezone.now(),
    )
    return {dev_env.TOKEN: token}


def _access_key(user: User, kept: Mapping[str, str], path: Path) -> dict[str, str]:
    access_key_id, secret = dev_env.working_access_key(
        user=user,
        known=(kept.get(dev_env.ACCESS_KEY_ID, ""), kept.get(dev_env.SECRET_ACCESS_KEY, "")),
        key_name=_name(path),
        now=timezone.now(),
    )
    return {
        dev_env.ACCESS_KEY_ID: access_key_id,
        dev_env.SECRET_ACCESS_KEY: secret,
        # One that the terminal may have from AWS does not go with this key.
        dev_env.SESSION_TOKEN: "",
    }


def _name(path: Path) -> str:
    return f"{path} on {socket.gethostname()}"[-128:]


def _known_password(user: User, kept: str) -> str:
    candidates = (kept, os.environ.get("BATCHWEB_PASSWORD", ""))
    return next((each for each in candidates if each and user.check_password(each)), "")


def _url() -> str:
    host = os.environ.get("BATCHWEB_HOST", "127.0.0.1")
    port = os.environ.get("BATCHWEB_PORT", "8000")
    bracketed = f"[{host}]" if ":" in host else host
    return f"http://{ANY_ADDRESS.get(host, bracketed)}:{port}"
