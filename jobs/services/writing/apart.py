"""Work on several rows, of which one that fails leaves the others alone."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, close_old_connections

from jobs.queueing import TaskTimeout

logger = logging.getLogger("batchweb.tasks")


class Apart:
    """Wrap the work on each row in `each`; call `done` at the end, which raises the first error.

    All errors are logged. A task's time-out is nobody's own error and goes through.
    """

    def __init__(self) -> None:
        self._errors: list[Exception] = []

    @contextmanager
    def each(self, *row_ids: object) -> Iterator[None]:
        try:
            yield
        except TaskTimeout:
            raise
        except Exception as error:
            rows = ", ".join(map(str, row_ids))
            logger.exception("row %s failed and will be tried again", rows)
            self._errors.append(error)
            if isinstance(error, DatabaseError | InterfaceError):
                # The next row gets a connection that works.
                close_old_connections()

    def done(self) -> None:
        if self._errors:
            raise self._errors[0]
