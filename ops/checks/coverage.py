#!/usr/bin/env python3
"""What tests/COVERAGE.md and README.md say is shown by a test: that test exists.

A test is named between backquotes by its file, from the root or from tests/, with or without its suffix; `*` and `{a,b}` stand for
what they do in a shell. `FILE: NAME` names one test of it, by what stands in its TEST_CASE, its `def` or its table.
Usage: coverage.py [root]. Prints `file:line: rule: what to do` for each name of nothing; exit code 1 if there is one.
"""

import itertools
import re
import sys

from source_tree import Finding, report, root_from

SUFFIXES = ("", ".cpp", ".py", ".txt", ".hpp", "_test.cpp", "_test.py")
NAMED = re.compile(r"`([\w.*{},-]+(?:/[\w.*{},-]+)+/?)(?:: ([^`]+))?`")


def expanded(pattern):
    """`a{b,c}d` as `abd` and `acd`."""
    parts = [part[1:-1].split(",") if part.startswith("{") else [part] for part in re.split(r"(\{[^}]*\})", pattern)]
    return ["".join(choice) for choice in itertools.product(*parts)]


def files_of(root, name):
    found = []
    for start in (root, root / "tests"):
        for suffix in SUFFIXES:
            found += [path for path in start.glob(name.rstrip("/") + suffix) if path.exists()]
    return found


def is_about_tests(name, page):
    """In COVERAGE.md every path is; elsewhere what lies in tests/."""
    return page.startswith("tests/") or name.startswith("tests/")


def check_line(root, page, number, line):
    for match in NAMED.finditer(line):
        if not is_about_tests(match[1], page):
            continue
        for name in expanded(match[1]):
            files = files_of(root, name)
            if not files:
                yield Finding(page, number, "no file", f"`{name}` is not there: mend the name, or write the test")
            elif match[2] and not any(match[2] in path.read_text(encoding="utf-8") for path in files if path.is_file()):
                yield Finding(page, number, "no test", f"nothing in `{name}` is called `{match[2]}`: mend the name, or write the test")


def check(root):
    findings = []
    for page in ("README.md", "tests/COVERAGE.md"):
        if not (root / page).is_file():
            continue
        for number, line in enumerate((root / page).read_text(encoding="utf-8").splitlines(), 1):
            findings.extend(check_line(root, page, number, line))
    return findings


if __name__ == "__main__":
    sys.exit(report(check(root_from(sys.argv))))
