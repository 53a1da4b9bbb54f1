"""The browser of this machine."""

import shutil


def chromium_path() -> str:
    """Where Chromium is. RuntimeError, saying what to do, where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    raise RuntimeError(
        "No Chromium found. script/test installs one (Debian: apt-get install chromium)."
    )
