"""What a web server does before its first request."""

import gc
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template.loader import get_template
from django.urls import get_resolver


def load_pages() -> None:
    """Loads all pages with their templates, and spares what is loaded by now each later collection of garbage.

    That is some hundred thousand objects which stay for good. To look at them all takes 100 ms, in the midst of some
    answer: a page in a hundred would take twice as long for nothing.
    """
    _ = get_resolver().url_patterns
    templates: Any = settings.TEMPLATES[0]
    for folder in templates["DIRS"]:
        for file in Path(folder).rglob("*.html"):
            get_template(file.relative_to(folder).as_posix())
    gc.collect()
    gc.freeze()
    # Python's own: 700, 10 and 10. A page makes some ten thousand objects, so that each few pages one would be
    # held up by a look at all that is kept; what these leave behind meanwhile are a few megabytes.
    gc.set_threshold(10_000, 10, 50)
