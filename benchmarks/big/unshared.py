"""Settings of a server on which each viewer's renewal is drawn for him alone: what sharing is held against."""

from batchweb.settings.dev import *  # noqa: F403
from batchweb.settings.dev import MIDDLEWARE as SHARED

MIDDLEWARE = [name for name in SHARED if not name.endswith("SharedRenewalMiddleware")]
