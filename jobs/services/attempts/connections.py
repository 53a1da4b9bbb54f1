"""This process's connections to engines."""

from django.conf import settings

from jobs.engines.base import Engine as EngineConnection
from jobs.engines.registry import connect
from jobs.models import Engine


def connection_to(engine: Engine) -> EngineConnection:
    """The connection to an engine; the same one on each call of this process."""
    return connect(engine.kind, engine.url, installation=settings.BATCHWEB_INSTALLATION)
