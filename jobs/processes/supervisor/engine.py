"""Keeps a session to one engine open: reconnects until it is told to stop."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from django import db
from django.utils import timezone

from jobs.engines import base
from jobs.engines.base import EngineError
from jobs.models import Engine
from jobs.services.attempts.connections import connection_to
from jobs.services.supervision import contact

from .background import database_may_fail
from .session import Session
from .timing import DEFAULT, Timing

logger = logging.getLogger("batchweb.supervisor")

FIRST_PAUSE_SECONDS = 0.1

Connect = Callable[[Engine], base.Engine]


class EngineSupervisor:
    """Supervises one engine until `stop` is called."""

    def __init__(
        self, row: Engine, *, timing: Timing = DEFAULT, connection: Connect = connection_to
    ) -> None:
        self.row = row
        self._timing = timing
        self._connect = connection
        self._stopped = threading.Event()
        self._session: Session | None = None
        self._lost_at: datetime | None = None

    def run(self) -> None:
        """Returns when stopped. An engine that is away is tried again every second."""
        pause = FIRST_PAUSE_SECONDS
        while not self._stopped.is_set():
            met = self._supervise()
            pause = FIRST_PAUSE_SECONDS if met else min(2 * pause, self._timing.reconnect_within)
            self._stopped.wait(pause)
        db.connections.close_all()

    def stop(self) -> None:
        """Ends `run` soon. Safe from any thread and from a signal handler."""
        self._stopped.set()
        session = self._session
        if session is not None:
            session.stop()

    def _supervise(self) -> bool:
        """One session. Whether the engine answered at its start."""
        session: Session | None = None
        loss: EngineError | None = None
        try:
            session = self._session = Session(self.row, self._connect(self.row), self._timing)
            if not self._stopped.is_set():
                session.run(self._lost_at)
        except EngineError as error:
            logger.warning("engine %s: %s", self.row.name, error)
            loss = error
        except db.Error as error:
            logger.warning("engine %s: %s", self.row.name, error)
            db.connections.close_all()
        # A fault of ours must not leave the engine alone: a new session finds what is unfinished.
        except Exception:
            logger.exception("engine %s: the session failed", self.row.name)
        finally:
            self._session = None
        if session is not None and session.met:
            # Perhaps only the connection broke: whether the engine is away shows at the next try.
            self._lost_at = timezone.now() if loss else None
            return True
        if loss is not None:
            with database_may_fail(f"engine {self.row.name}"):
                contact.record_unreachable(engine=self.row, reason=str(loss), now=timezone.now())
        return False
