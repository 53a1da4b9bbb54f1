"""Looks after an engine's SERVICE_ADDRESS while jobs use it."""

import logging
from collections.abc import Callable

from jobs.engines import base
from jobs.engines.base import SERVICE_ADDRESS, EngineError, EngineUnreachable
from jobs.models import Engine
from jobs.selectors import supervision
from jobs.services.attempts.job_credentials import needs_service_address

from .forwarding import is_here

logger = logging.getLogger("batchweb.supervisor")


class ServiceAddress:
    """Of one engine, in one session. The first container that needs the address makes it; this brings it back."""

    def __init__(
        self, row: Engine, engine: base.Engine, *, is_here: Callable[[], bool] = is_here
    ) -> None:
        self._row = row
        self._engine = engine
        self._is_here = is_here
        self._was_there = False
        self._told = ""

    def look(self) -> None:
        """Makes it again if it is gone (a prune of networks takes it), and says if nobody here can serve it.

        Raises EngineUnreachable.
        """
        if not needs_service_address():
            return
        if self._engine.has_service_address():
            self._was_there = True
        elif self._was_there or supervision.has_live_credentials(engine_id=self._row.id):
            self._make()
        if self._was_there and not self._is_here():
            self._tell(
                f"jobs of engine {self._row.name} that have a role find nobody at {SERVICE_ADDRESS}: it is an address "
                "of the engine's machine, and this process runs on another, or in a container. Set "
                "BATCHWEB_JOBS_API_URL to the https URL of this server."
            )

    def _make(self) -> None:
        try:
            self._engine.make_service_address()
        except EngineUnreachable:
            raise
        except EngineError as error:
            self._tell(str(error))
            return
        self._was_there = True
        logger.info("engine %s: %s was gone, and is there again", self._row.name, SERVICE_ADDRESS)

    def _tell(self, text: str) -> None:
        """Once a session, not each time that it looks."""
        if text != self._told:
            logger.warning(text)
            self._told = text
