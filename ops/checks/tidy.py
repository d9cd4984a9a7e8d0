#!/usr/bin/env python3
"""Sizes, names, calls and literals that must not be; files that no list names; reasons without a page.

Usage: tidy.py [root]. Prints `file:line: rule: what to do` for each break; exit code 1 if there is one.
The tables below are the rules; an exception stands in them with its place, never in the code that it excuses.
"""

import ast
import re
import sys
from dataclasses import dataclass

from cpp_functions import functions
from source_tree import Finding, report, root_from, sources

FILE_LINES_MAX = 500
HEADER_LINES_MAX = 200
FUNCTION_LINES_MAX = 50

NAMES_OF_NOTHING = {"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"}
LEFTOVER = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


@dataclass(frozen=True)
class Ban:
    """`pattern` must not stand in C++ code (or, of `literals`, at the start of one), except in files that match `only_in`."""

    rule: str
    pattern: str
    only_in: str
    remedy: str
    literals: bool = False


BANS = (
    Ban("clock", r"\b\w*clock\w*\s*::\s*now\b|\b(?:clock_gettime|gettimeofday)\s*\(|\btime\s*\(\s*(?:0|NULL|nullptr)\s*\)",
        r"ops/batond/system\.cpp|.*/(?:\w+_)?(?:clock|deadline)\.[ch]pp|tests/bench/.*|examples/.*",
        "time comes in with the input; only ops/batond/system and a file called clock (or a test's deadline) read one"),
    Ban("chance", r"\brandom_device\b|\bs?rand\s*\(|\bgetrandom\s*\(|\bgetentropy\s*\(|\bRAND_(?:priv_)?bytes\b|\buuid_generate\w*",
        r"ops/batond/system\.cpp|.*/(?:\w+_)?random\.[ch]pp|examples/.*",
        "chance and new ids come in with the input; only ops/batond/system and a file called random make them"),
    Ban("seed", r"\b(?:mt19937(?:_64)?|minstd_rand0?|default_random_engine)\b",
        r"ops/batond/system\.cpp|.*/(?:\w+_)?random\.[ch]pp|tests/.*|examples/.*",
        "chance comes in with the input; only ops/batond/system, a file called random and seeded tests make it"),
    Ban("environment", r"\b(?:secure_)?getenv\s*\(|\b(?:set|unset|put|clear)env\s*\(|\benviron\b",
        r".*/(?:\w+_)?environment\.[ch]pp|tests/support/.*|examples/.*",
        "only a file called environment (or tests/support) touches the environment; pass the value on"),
    Ban("sleep", r"\bsleep_(?:for|until)\s*\(|\b(?:u|nano)?sleep\s*\(|\bclock_nanosleep\s*\(",
        r"examples/.*",
        "wait for an event with a deadline instead"),
    Ban("shell", r"\bsystem\s*\(\s*[^)\s]|\bpopen\s*\(", r"",
        "no shell is involved: start the program through bridge/process"),
    Ban("subject", r"baton\.(?:task|control|log|wake|owner|node|dead|blob|live|committed|refused)\b|BATON_(?:TASKS|CONTROL|LOG|WAKES|OWNERS|NODES|DEAD|BLOBS)$",
        r"messages/subjects\.[ch]pp|tests/.*|examples/.*",
        "only messages/subjects composes subjects and names streams: call it", literals=True),
    Ban("metric", r"baton_[a-z0-9_]+$", r".*/(?:\w+_)?metrics?(?:_\w+)?\.[ch]pp|tests/.*|examples/.*",
        "metric names stand in the metrics table alone: add a row there", literals=True),
)
PYTHON_SLEEP = re.compile(r"\btime\.sleep\s*\(|\basyncio\.sleep\s*\(")
NAMED_MANAGER = re.compile(r"\b(?:class|struct|namespace)\s+(\w*_)?(?:manager|helpers?|utils?)\b")


# --- sizes and names -------------------------------------------------------------------------------------------------


def check_sizes(source):
    path, count = str(source.path), len(source.lines)
    limit = HEADER_LINES_MAX if source.is_header else FILE_LINES_MAX
    if count > limit:
        yield Finding(path, limit + 1, "size", f"{count} lines, at most {limit}: split it by what its parts are")
    for name, line, length in spans(source):
        if length > FUNCTION_LINES_MAX:
            yield Finding(path, line, "function", f"{name} has {length} lines, at most {FUNCTION_LINES_MAX}: name its steps")


def spans(source):
    """(name, line, length) of the functions of a C++, Python or shell file."""
    if source.is_cpp:
        yield from ((f.name, f.first_line, f.length) for f in functions(source.code))
    elif source.path.suffix == ".py":
        for node in ast.walk(ast.parse(source.text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.name, node.lineno, node.end_lineno - node.lineno + 1
    elif source.path.suffix in ("", ".sh"):
        for match in re.finditer(r"^(\w+)\(\) \{\n.*?^\}$", source.text, re.M | re.S):
            yield match[1], source.line_of(match.start()), match[0].count("\n") + 1


def check_names(source):
    path = str(source.path)
    for part in (*source.path.parts[:-1], source.path.name.split(".")[0]):
        if NAMES_OF_NOTHING & set(re.split(r"[_\-]", part.lower())):
            yield Finding(path, 1, "name", f"{part} names no thing: call it after what it is about")
    if source.is_cpp:
        for match in NAMED_MANAGER.finditer(source.code):
            yield Finding(path, source.line_of(match.start()), "name", f"`{match[0]}` names no thing: call it after what it is about")


# --- what must not be written ----------------------------------------------------------------------------------------


def check_bans(source):
    path, code = str(source.path), source.code
    for ban in BANS:
        if re.fullmatch(ban.only_in, path):
            continue
        if ban.literals:
            lines = [line for line, text in source.literals if re.match(ban.pattern, text)]
        else:
            lines = [source.line_of(m.start()) for m in re.finditer(ban.pattern, code) if is_call_of_system(code, m)]
        for line in lines:
            yield Finding(path, line, ban.rule, ban.remedy)


def is_call_of_system(code, match):
    """Not a member of something else (`task.sleep(`) nor a declaration of one (`void sleep(`)."""
    before = code[max(0, match.start() - 40) : match.start()].rstrip()
    if before.endswith((".", "->")):
        return False
    if before.endswith("::"):
        return re.search(r"(?:^|[^\w>])(?:std(?:::(?:chrono|this_thread))?|this_thread|chrono)?\s*::$", before) is not None
    word = re.search(r"(\w+)[&*\s]*$", before)
    declares = word is not None and "(" in match[0] and word[1] not in ("return", "else", "do", "co_return", "co_await", "throw", "case")
    return not declares


def check_header(source):
    if not source.is_header:
        return
    path = str(source.path)
    if not re.search(r"^#pragma once$", source.text, re.M):
        yield Finding(path, 1, "once", "a header says `#pragma once`")
    for match in re.finditer(r"^using\s+namespace\b", source.code, re.M):
        yield Finding(path, source.line_of(match.start()), "using", "a header opens no namespace for those who include it")


def enums_of(files):
    """The names of all enums that are declared in these files."""
    declared = re.compile(r"\benum\s+(?:class\s+|struct\s+)?(\w+)")
    return {name for source in files if source.is_cpp for name in declared.findall(source.code)} - {"class", "struct"}


def check_switches(source, enums):
    """`default:` beside labels of one of our enums. Numbers, and the enumerators of C libraries, may have one."""
    code = source.code
    opened = {name.split("::")[-1] for name in re.findall(r"\busing\s+enum\s+([\w:]+)", code)} & enums
    for match in re.finditer(r"\bdefault\s*:(?!:)", code):
        for label in labels_of_switch_around(code, match.start()):
            qualifiers = label.split("::")[:-1]
            if qualifiers and qualifiers[-1] in enums or not qualifiers and opened and re.match("[a-z]", label):
                yield Finding(str(source.path), source.line_of(match.start()), "default",
                              "a switch over our enum names every case, so that the compiler finds the forgotten one")


def labels_of_switch_around(code, offset):
    """The case labels at the same depth as `offset` in the braces that hold it."""
    start, depth = offset, 0
    while start > 0 and depth >= 0:
        start -= 1
        depth += {"}": 1, "{": -1}.get(code[start], 0)
    labels, depth, index = [], 0, start
    for match in re.finditer(r"[{}]|\bcase\s+([\w:]+)\s*:(?!:)", code[start:]):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            break
        if match[1] and depth == 1:
            labels.append(match[1])
    return labels


def check_leftovers(source):
    for number, line in enumerate(source.lines, 1):
        if LEFTOVER.search(line):
            yield Finding(str(source.path), number, "leftover", "do it, drop it, or make it an issue")
        if source.folder == "tests" and source.path.suffix == ".py" and PYTHON_SLEEP.search(line):
            yield Finding(str(source.path), number, "sleep", "wait for an event with a deadline instead")


# --- what no list names ----------------------------------------------------------------------------------------------


def check_listed(files):
    """Each C++ source, each script that is a test, and each folder's CMakeLists.txt is named by a CMakeLists.txt above it."""
    words = {}
    for source in files:
        if source.path.name == "CMakeLists.txt":
            text = re.sub(r"#.*", "", source.text)
            text = re.sub(r"\$\{CMAKE_(?:CURRENT_)?(?:SOURCE|LIST)_DIR\}/", "", text)
            words[source.path.parent] = set(re.findall(r"[\w./+\-]+", text))
    for source in files:
        path = source.path
        if path.suffix in (".cpp", ".c"):
            names = [path]
        elif re.fullmatch(r"test_\w+\.py|\w+_test\.(?:py|m?js)", path.name):
            names = [path, path.with_suffix("")]  # a function of the list may add the suffix
        elif path.name == "CMakeLists.txt" and path.parent.parts:
            names = [path.parent]
        else:
            continue
        above = [folder for folder in names[0].parents if folder in words]
        if any(str(name.relative_to(folder)) in words[folder] for folder in above for name in names):
            continue
        yield Finding(str(path), 1, "unlisted", "no CMakeLists.txt names it, so nobody builds or runs it: list it or delete it")


def check_reasons(root):
    """Each row of the table in messages/reason.hpp has its page in ops/errors, and each page its row."""
    table, pages = root / "messages/reason.hpp", root / "ops/errors"
    if not table.is_file():
        return
    rows = {}
    for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), 1):
        for text in re.findall(r'\{\s*reason::\w+\s*,\s*"(\w+)"', line):
            rows[text] = number
    for text, line in rows.items():
        page = pages / f"{text}.md"
        if not page.is_file() or not page.read_text(encoding="utf-8").strip():
            yield Finding("messages/reason.hpp", line, "page", f"write ops/errors/{text}.md: what it means, why, what to do")
    for page in sorted(pages.glob("*.md")):
        if page.stem not in rows and page.stem != "README":
            yield Finding(f"ops/errors/{page.name}", 1, "page", "no reason has this name: rename or delete the page")


def check(root):
    files = sources(root)
    enums = enums_of(files)
    findings = []
    for source in files:
        findings += [*check_sizes(source), *check_names(source), *check_leftovers(source)]
        if source.is_cpp:
            findings += [*check_bans(source), *check_header(source), *check_switches(source, enums)]
    return findings + [*check_listed(files), *check_reasons(root)]


if __name__ == "__main__":
    sys.exit(report(check(root_from(sys.argv))))
