"""The embedded default of `script/server`: SQLite, a private Redis, this machine's Docker Engine."""

from .base import *  # noqa: F403
from .environment import env_bool, env_list

DEBUG = env_bool("BATCHWEB_DEBUG", default=False)
ALLOWED_HOSTS = env_list("BATCHWEB_ALLOWED_HOSTS", "*")
