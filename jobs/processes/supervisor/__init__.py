"""Follows engines: ships logs and usage samples, hands exits to the workers, finds what was missed.

One `EngineSupervisor` per engine keeps a `Session` open: a connection, and all that hangs on it.
Nothing it keeps in memory is needed after a restart: the database and the engine say it all.
"""

from .engine import EngineSupervisor
from .process import Supervisor, run_supervisor
from .timing import Timing

__all__ = ["EngineSupervisor", "Supervisor", "Timing", "run_supervisor"]
