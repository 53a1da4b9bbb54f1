"""The supervisor process: one `EngineSupervisor` for each engine of the database, or for one."""

import logging
import signal
import threading
import time
from types import FrameType
from urllib.parse import urlsplit

from django import db
from django.conf import settings

from jobs.models import Engine
from jobs.services.attempts.connections import connection_to
from jobs.services.attempts.job_credentials import needs_service_address

from .background import database_may_fail, start_thread
from .engine import Connect, EngineSupervisor
from .forwarding import Forwarder
from .timing import DEFAULT, Timing

logger = logging.getLogger("batchweb.supervisor")

HTTP_PORT = 80


class Supervisor:
    """Supervises all engines, or the one named `engine_name`, also when it is made later."""

    def __init__(
        self,
        engine_name: str = "",
        *,
        timing: Timing = DEFAULT,
        connection: Connect = connection_to,
    ) -> None:
        self._engine_name = engine_name
        self._timing = timing
        self._connect = connection
        self._stopped = threading.Event()
        self._running: dict[int, tuple[EngineSupervisor, threading.Thread]] = {}

    def run(self) -> None:
        """Returns when stopped."""
        while not self._stopped.is_set():
            with database_may_fail("engines not read"):
                self._match(self._rows())
            self._stopped.wait(self._timing.engines_every)
        self._end(list(self._running))
        db.connections.close_all()

    def stop(self) -> None:
        """Ends `run` soon. Safe from any thread and from a signal handler."""
        self._stopped.set()

    def _rows(self) -> dict[int, Engine]:
        rows = Engine.objects.all()
        if self._engine_name:
            rows = rows.filter(name=self._engine_name)
        return {row.id: row for row in rows}

    def _match(self, rows: dict[int, Engine]) -> None:
        """Starts supervising what is new; ends it where the row is gone or has another address."""
        self._end([id_ for id_, (each, _) in self._running.items() if _moved(each, rows.get(id_))])
        for id_, row in rows.items():
            if id_ not in self._running:
                logger.info("supervising engine %s", row.name)
                each = EngineSupervisor(row, timing=self._timing, connection=self._connect)
                self._running[id_] = each, start_thread(f"engine {row.name}", each.run)

    def _end(self, ids: list[int]) -> None:
        ended = [self._running.pop(id_) for id_ in ids]
        for each, _ in ended:
            each.stop()
        deadline = time.monotonic() + self._timing.stop_within
        for _, thread in ended:
            thread.join(max(deadline - time.monotonic(), 0))


def _moved(each: EngineSupervisor, row: Engine | None) -> bool:
    return row is None or (row.kind, row.url) != (each.row.kind, each.row.url)


def run_supervisor(engine_name: str = "") -> None:
    """Runs until SIGTERM or SIGINT."""
    supervisor = Supervisor(engine_name)
    forwarder = _forwarder() if needs_service_address() else None

    def stop(number: int, frame: FrameType | None) -> None:
        supervisor.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if forwarder is not None:
        forwarder.start()
    supervisor.run()
    if forwarder is not None:
        forwarder.stop()


def _forwarder() -> Forwarder:
    port = urlsplit(settings.BATCHWEB_JOBS_API_URL).port or HTTP_PORT
    return Forwarder(port=port, to=settings.BATCHWEB_WEB_ADDRESS)
