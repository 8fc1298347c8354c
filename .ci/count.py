"""
Count what trial reported: C{count.py LOG [STEP...]}, the steps being those that failed.

Ends with the line C{N passed, N failed} and a status other than 0 unless all is well.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

MAY_BE_SKIPPED = (
    # Only root in a container that allows it can pull a virtual cable.
    r"network namespace",
)
"""Reasons for which a test may be skipped here too."""

TESTS = "the README's test command"


def outcomes(log: str) -> dict[str, int] | None:
    """What trial's last line says, such as C{FAILED (failures=1, successes=13)}; None if it did not come to its end."""
    lines = re.findall(r"^(?:PASSED|FAILED)(?: \((.*)\))?\s*$", log, re.MULTILINE)
    return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", lines[-1])} if lines else None


def skips(log: str) -> dict[str, int]:
    """The reasons of skips, each with how many tests gave it."""
    found: dict[str, int] = {}
    for section in re.findall(r"^={70,}\n\[SKIPPED\]\n(.*?)(?=^[=-]{70,}$)", log, re.MULTILINE | re.DOTALL):
        reason, _, tests = section.rstrip().rpartition("\n\n")
        found[reason.strip()] = found.get(reason.strip(), 0) + len(tests.split("\n"))
    return found


def main(path: str, steps: list[str]) -> int:
    """Print the counts; the exit status."""
    log = Path(path).read_text("utf-8", "replace") if Path(path).exists() else ""
    counted = outcomes(log)
    passed = failed = 0
    for step in steps:
        print(f"failed: {step}")
    if counted is None:
        print("failed: the tests did not run to their end")
    else:
        passed = counted.get("successes", 0) + counted.get("expectedFailures", 0)
        failed = sum(counted.get(kind, 0) for kind in ("failures", "errors", "unexpectedSuccesses"))
        unexplained = counted.get("skips", 0)
        for reason, tests in skips(log).items():
            allowed = any(re.search(pattern, reason) for pattern in MAY_BE_SKIPPED)
            print(f"{tests} skipped, {'as expected here' if allowed else 'which counts as failed'}: {reason}")
            unexplained -= tests if allowed else 0
        failed += unexplained
        if not passed + failed:
            print("failed: there was no test")
    # A failed test fails its step as well: that counts once.
    failed += len([step for step in steps if step != TESTS or not failed])
    if not passed and not failed:
        failed = 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
