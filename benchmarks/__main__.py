"""python -m benchmarks NAME [ARGUMENTS]: makes a fresh database where one is needed, then measures."""

import sys
from importlib import import_module

from benchmarks.fresh import has_tables, prepare, use_large

# These start an installation with a database of its own.
WITH_THEIR_OWN = frozenset({"api", "end_to_end"})
# These use the large one, and build it where it is not there.
WITH_LARGE = frozenset({"big_database", "pages", "viewers"})


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    name, *arguments = sys.argv[1:]
    if name in WITH_LARGE:
        use_large()
    elif name not in WITH_THEIR_OWN:
        prepare()
    if name in WITH_LARGE - {"big_database"} and not has_tables():
        import_module("benchmarks.big_database").main([])
    # Only now: models cannot be imported before Django is set up.
    import_module(f"benchmarks.{name}").main(arguments)


if __name__ == "__main__":
    main()
