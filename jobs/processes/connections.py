"""Database connections of the long-lived processes."""

from django.db import connections


def keep_connections() -> None:
    """Lets this process keep its connections, where a web server's last for one request.

    `close_old_connections` then closes only those that the database has dropped: each is tried once
    after it was called. To be called before the first connection is made.
    """
    for settings in connections.settings.values():
        settings["CONN_MAX_AGE"] = None
        settings["CONN_HEALTH_CHECKS"] = True
