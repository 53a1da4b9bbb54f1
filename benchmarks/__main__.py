"""python -m benchmarks NAME [ARGUMENTS]: makes a fresh database where one is needed, then measures."""

import sys
from importlib import import_module

from benchmarks.fresh import prepare

# These start an installation with a database of its own.
WITH_THEIR_OWN = frozenset({"api", "end_to_end"})


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    name, *arguments = sys.argv[1:]
    if name not in WITH_THEIR_OWN:
        prepare()
    # Only now: models cannot be imported before Django is set up.
    import_module(f"benchmarks.{name}").main(arguments)


if __name__ == "__main__":
    main()
