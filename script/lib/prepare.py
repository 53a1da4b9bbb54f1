"""Makes an installation ready to start: the database, what a newcomer finds in it, and `dev.env`.

One process for all steps, because starting Django is what takes the time. Exits with status 3 if
only the image of the seeded job definitions could not be had.
"""

import os
import sys
from pathlib import Path

NO_IMAGE = 3


def main() -> int:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchweb.settings.dev")
    import django
    from django.core.management import CommandError, call_command

    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("seed")
    call_command("write_dev_env")
    try:
        call_command("seed_image")
    except CommandError as error:
        print(error, file=sys.stderr)
        return NO_IMAGE
    return 0


if __name__ == "__main__":
    sys.exit(main())
