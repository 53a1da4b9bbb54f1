"""`manage.py seed_image`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs.engines.base import EngineError
from jobs.models import Engine, EngineKind
from jobs.services.setup.seed import DEFAULT_IMAGE
from jobs.services.supervision.images import PULL_SECONDS, provide_image


class Command(BaseCommand):
    help = (
        "Sees to it that the first Docker Engine holds the seeded job definitions' image: it is "
        "pulled, or, where no registry answers, made from this machine's static busybox."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--image", default=DEFAULT_IMAGE, help="Default: %(default)s.")
        parser.add_argument(
            "--pull-seconds",
            type=float,
            default=PULL_SECONDS,
            help="How long a pull may take (default: %(default)s).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        engine = Engine.objects.filter(kind=EngineKind.DOCKER).order_by("id").first()
        if engine is None:
            raise CommandError("There is no Docker Engine yet. Run seed first.")
        try:
            done = provide_image(
                engine=engine, image=options["image"], pull_seconds=options["pull_seconds"]
            )
        except EngineError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(done)
