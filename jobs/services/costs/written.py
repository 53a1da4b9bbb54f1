"""Waiting for those who are writing ends, before what has ended is added up."""

import time

from django.db import connection, transaction

from jobs.models import Attempt, Instance
from jobs.selectors.events.writers import writers_into

# Who writes takes milliseconds.
LOOKS = 5
PAUSE_SECONDS = 0.1


def all_is_written() -> bool:
    """Waits a moment until all have ended who write into attempts or instances now; False if somebody has not.

    Who writes an end writes its row first and looks at the clock then (`stale_hours.note_end`). So whoever found
    himself in time some while ago, and has not ended, is among them, however long he was held up in between.
    """
    if connection.vendor != "postgresql":
        # SQLite has one writer: behind this, all who were it have ended.
        with transaction.atomic():
            return True
    writers = writers_into(Attempt, Instance)
    for _ in range(LOOKS - 1):
        if not writers:
            return True
        time.sleep(PAUSE_SECONDS)
        writers &= writers_into(Attempt, Instance)
    return not writers
