"""Docker Engine over its HTTP API."""

from .engine import DockerEngine
from .local_image import import_busybox

__all__ = ["DockerEngine", "import_busybox"]
