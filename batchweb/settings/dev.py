"""The embedded default of `script/server`: SQLite, a private Redis, this machine's Docker Engine."""

from .base import *  # noqa: F403
from .environment import SERVICE_ADDRESS, env_bool, env_list

DEBUG = env_bool("BATCHWEB_DEBUG", default=False)
ALLOWED_HOSTS = [*env_list("BATCHWEB_ALLOWED_HOSTS", "*"), SERVICE_ADDRESS]

# Static files are served from where they lie: nothing to collect before the first start.
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
# With DEBUG on, every request looks at the disk again, so that an edited file shows at once.
WHITENOISE_AUTOREFRESH = DEBUG
