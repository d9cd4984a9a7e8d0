"""The project's files as the checks see them: paths, lines, and C++ text without its comments and literals."""

import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

FOLDERS = ("actors", "bridge", "config", "examples", "messages", "ops", "tests")
CPP = (".cpp", ".hpp", ".c", ".h")
SCRIPTS = (".py", ".mjs", ".js", ".sh", ".cmake")
NOT_OURS = {"build", "node_modules", "__pycache__"}


@dataclass(frozen=True, order=True)
class Finding:
    """One broken rule at one place; `line` counts from 1."""

    path: str
    line: int
    rule: str
    remedy: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.remedy}"


@dataclass
class Source:
    """One file. `path` is relative to the root, with forward slashes."""

    root: Path
    path: PurePosixPath
    literals: list = field(default_factory=list)

    @cached_property
    def text(self):
        return (self.root / self.path).read_text(encoding="utf-8", errors="replace")

    @cached_property
    def lines(self):
        return self.text.splitlines()

    @cached_property
    def code(self):
        """C++ text of the same shape: comments and the insides of literals are blanks. Fills `literals` with (line, text)."""
        return blank_out(self.text, self.literals)

    @property
    def is_cpp(self):
        return self.path.suffix in CPP

    @property
    def is_header(self):
        return self.path.suffix in (".hpp", ".h")

    @property
    def folder(self):
        return self.path.parts[0]

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1


TOKEN = re.compile(
    r"""(?P<comment>//(?:[^\\\n]|\\.|\\\n)*|/\*.*?\*/)
      | (?P<raw>R"(?P<tag>[^\s()\\]{0,16})\(.*?\)(?P=tag)")
      | (?P<text>"(?:[^"\\\n]|\\.)*")
      | (?P<number>\d[\d'a-zA-Z.]*)
      | (?P<char>'(?:[^'\\\n]|\\.)+')
      | (?P<word>[A-Za-z_]\w*)""",
    re.X | re.S,
)


def blank_out(text, literals):
    """`text` with comments and the insides of literals as blanks; appends (line, literal) to `literals`."""
    include_lines = {m.start(1) for m in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*(")', text, re.M)}

    def blank(match):
        kind = match.lastgroup if match.lastgroup != "tag" else "raw"
        found = match.group()
        if kind in ("word", "number") or match.start() in include_lines:
            return found
        if kind in ("text", "raw"):
            inside = found[found.index("(") + 1 : found.rindex(")")] if kind == "raw" else found[1:-1]
            literals.append((text.count("\n", 0, match.start()) + 1, inside))
        spaces = re.sub(r"[^\n]", " ", found)
        return spaces if kind == "comment" else found[0] + spaces[1:-1] + found[-1]

    return TOKEN.sub(blank, text)


def is_script(path):
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def sources(root):
    """All files of ours that hold code, sorted by path: C++, scripts by suffix or `#!`, and CMake lists."""
    root = Path(root)
    found = []
    for top in (*FOLDERS, ".ci"):
        for directory, folders, files in os.walk(root / top):
            folders[:] = [name for name in folders if name not in NOT_OURS and not name.startswith(".")]
            for name in files:
                full = Path(directory) / name
                known = full.suffix in CPP + SCRIPTS or name == "CMakeLists.txt"
                if not full.is_file() or not (known or (full.suffix == "" and is_script(full))):
                    continue
                found.append(Source(root, PurePosixPath(full.relative_to(root).as_posix())))
    if (root / "CMakeLists.txt").is_file():
        found.append(Source(root, PurePosixPath("CMakeLists.txt")))
    return sorted(found, key=lambda source: source.path)


def report(findings):
    """Prints the findings; the exit code of a check."""
    for finding in sorted(set(findings)):
        print(finding)
    return 1 if findings else 0


def root_from(arguments):
    """The tree to check: the first argument, or the one that these files stand in."""
    return Path(arguments[1]) if len(arguments) > 1 else Path(__file__).resolve().parents[2]
