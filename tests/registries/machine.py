"""A machine whose registry wants a login, and jobs of somebody that are launched on it."""

import json
from contextlib import ExitStack
from typing import Any

from django.contrib.auth.models import User

from jobs.engines.fake.scripts import run_command
from jobs.models import Attempt, Engine, ImagePull, JobStatus, RegistryLogin
from jobs.services.access.registry_logins import create_login
from jobs.services.access.secrets import create_secret
from tests.builders import NOW, a_job, a_node, a_queue, an_attempt, an_environment
from tests.services.playing import Play, playing

IMAGE = "localhost:5000/team/tool:1"
ACCOUNTS = {"ada": "for ada", "bob": "for bob", "team": "for all"}
SECRET = "registry/login"
NAMED: dict[str, Any] = {"repositoryCredentials": {"credentialsParameter": SECRET}}


class Machine:
    """One engine, whose registry wants a login. `start` has a job of somebody launched on it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.environment = an_environment()
        a_node(engine=self.environment.engine)
        self.queue = a_queue(self.environment)

    @property
    def engine(self) -> Engine:
        return self.environment.engine

    def start(self, owner: User, *, image: str = IMAGE, **container: Any) -> Play:
        job = a_job(
            status=JobStatus.STARTING,
            attempts_made=1,
            owner=owner,
            queue=self.queue,
            image=image,
            command=["sleep"],
            container=container,
        )
        return self.play([an_attempt(job=job)])

    def play(self, attempts: list[Attempt]) -> Play:
        play = self.placed(attempts)
        play.launch()
        return play

    def placed(self, attempts: list[Attempt]) -> Play:
        """As `play`, before anybody launches them."""
        play = self._stack.enter_context(playing(attempts))
        play.world.accounts["localhost:5000"] = ACCOUNTS
        play.world.pullable[IMAGE] = run_command
        return play

    def pulls(self) -> list[tuple[str, str]]:
        return [(pull.image, pull.login) for pull in ImagePull.objects.order_by("id")]


def a_login(owner: User, prefix: str = "localhost:5000", **fields: Any) -> RegistryLogin:
    name = fields.pop("username", owner.get_username())
    values = {"prefix": prefix, "username": name, "password": ACCOUNTS.get(name, "no"), **fields}
    return create_login(owner=owner, fields=values, now=NOW)


def a_secret_of(owner: User, value: object, **fields: Any) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    create_secret(owner=owner, fields={"name": SECRET, "value": text, **fields}, now=NOW)


def told(play: Play) -> tuple[str, str, str]:
    """How it ended: status, reason, and the sentence for people."""
    return play.status(), play.job.status_reason, play.rows()[0].explanation
