"""The ASGI entry point: pages, form posts, live streams, and the AWS-compatible API."""

import os
import warnings
from typing import Any

from django.conf import settings
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from jobs.api.asgi import with_api
from jobs.web.hub import streams_end
from jobs.web.streaming import get_asgi_application
from jobs.web.warm import load_pages

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchweb.settings.dev")

# WhiteNoise answers with plain iterators. Django reads them in a thread, which is right for such
# small files, and would say so in the output of every server.
warnings.filterwarnings(
    "ignore", message="StreamingHttpResponse must consume synchronous iterators"
)


def behind_proxies(application: Any, proxies: list[str]) -> Any:
    """The application, told from where somebody asks by X-Forwarded-For of these proxies and of nobody else.

    uvicorn's own, which trusts localhost unasked, is switched off where it is started.
    """
    return ProxyHeadersMiddleware(application, proxies) if proxies else application


application = behind_proxies(
    with_api(get_asgi_application(), stopping=streams_end), settings.BATCHWEB_TRUSTED_PROXIES
)
load_pages()
