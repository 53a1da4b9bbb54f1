"""An engine without containers, for tests and benchmarks only; never for real work.

`FakeEngine("fake://name", ...)` speaks to the world of that name in this process. `world("name")`
gives the world itself, where a test makes things happen: time, lost containers, restarts.
`FakeEngineClient("fake+unix:///path", ...)` speaks to a world that several processes share (`server`).
"""

from .client import FakeEngineClient
from .engine import FakeEngine
from .scripts import Exit, Output, Script
from .world import World, forget_world, world

__all__ = [
    "Exit",
    "FakeEngine",
    "FakeEngineClient",
    "Output",
    "Script",
    "World",
    "forget_world",
    "world",
]
