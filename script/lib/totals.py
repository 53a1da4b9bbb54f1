"""Sums up JUnit reports: one line for a person and for CI, and a status.

`totals.py PROBLEM REPORT...`; PROBLEM is what else went wrong, or empty. Succeeds only if there are
tests, all of them passed, and nothing else went wrong. A skipped test has not passed.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree


def counts(report: Path) -> tuple[int, int, int]:
    """Passed, failed (or broken off with an error), skipped."""
    passed = failed = skipped = 0
    for case in ElementTree.parse(report).iter("testcase"):
        outcome = {child.tag for child in case}
        if outcome & {"failure", "error"}:
            failed += 1
        elif "skipped" in outcome:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main(problem: str, *reports: str) -> int:
    results = [counts(Path(report)) for report in reports if Path(report).is_file()]
    passed, failed, skipped = (sum(column) for column in zip((0, 0, 0), *results, strict=True))
    line = f"batchweb: {passed} passed, {failed} failed"
    if skipped:
        line += f", {skipped} skipped"
    if problem:
        line += f" ({problem})"
    print(line)
    return 1 if failed or skipped or problem or not passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
