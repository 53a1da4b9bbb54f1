"""The ASGI entry point: pages, form posts and live streams."""

import os

from jobs.web.streaming import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchweb.settings.dev")

application = get_asgi_application()
