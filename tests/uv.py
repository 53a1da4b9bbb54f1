"""uv, where `script/setup` looks for it: it may be no part of PATH."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ELSEWHERE = (ROOT / "var" / "tools" / "bin" / "uv", Path.home() / ".local" / "bin" / "uv")


def find_uv() -> str:
    """The program. Raises FileNotFoundError, and says what to do, where there is none."""
    found = shutil.which("uv")
    if found:
        return found
    for path in ELSEWHERE:
        if path.is_file():
            return str(path)
    raise FileNotFoundError("No uv found. script/setup --dev installs one.")
