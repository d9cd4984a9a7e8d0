#!/usr/bin/env python3
"""Compares every #include with the arrows between the layers.

    ops -> {actors, bridge};  actors -> machines -> ports -> messages;  bridge -> ports -> messages
    config includes nothing of ours, and all may include its options.

Actors and bridge meet only in ops/batond/wiring. A library is included only where the table LIBRARIES allows it.
Usage: layers.py [root]. Prints `file:line: rule: what to do` for each break; exit code 1 if there is one.
"""

import re
import sys
from dataclasses import dataclass

from source_tree import FOLDERS, Finding, report, root_from, sources

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]*)"|<([^>\n]*)>)', re.M)

# What a layer may include of ours, itself apart. `options` is the plain part of config.
ARROWS = {
    "messages": {"options"},
    "options": set(),
    "config": {"options"},
    "ports": {"messages", "options"},
    "machines": {"ports", "messages", "options"},  # a machine's inputs and effects are made of the ports' plain values
    "actors": {"ports", "machines", "messages", "options"},
    "bridge": {"ports", "messages", "options"},
    "ops": {"actors", "ports", "machines", "bridge", "messages", "config", "options"},
    "examples": set(),  # written as a user of Baton writes: against the wire alone
    "tests": {"actors", "ports", "machines", "bridge", "messages", "config", "options", "ops", "examples"},
}

# library: (pattern of its headers, path prefixes that may include them). Tests may include all of them.
LIBRARIES = {
    "nats.c": (r"nats\.h$|nats/", ("bridge/nats/", "examples/")),
    "msgpack": (r"msgpack\.hpp$|msgpack/", ("messages/codec", "examples/")),
    "CAF": (r"caf/", ("actors/", "ops/batond/")),
    "nlohmann-json": (r"nlohmann/", ("messages/codec", "ops/", "bridge/process/", "bridge/http/", "examples/")),
    "tomlplusplus": (r"toml\+\+/|toml\.hpp$", ("config/",)),
    "CLI11": (r"CLI/", ("ops/", "config/")),
    "spdlog": (r"spdlog/", ("actors/", "bridge/", "ops/")),
    "fmt": (r"fmt/", ("actors/", "bridge/", "config/", "ops/", "examples/")),
    "prometheus-cpp": (r"prometheus/", ("bridge/", "ops/")),
    "libcurl": (r"curl/", ("bridge/http/",)),
    "cpp-httplib": (r"httplib\.h$", ("bridge/http/", "ops/baton/", "examples/")),
    "libuv": (r"uv\.h$|uv/", ("bridge/",)),
    "OpenSSL": (r"openssl/", ("messages/digest", "bridge/", "ops/")),
    "valijson": (r"valijson/", ("bridge/", "ops/")),
    "date": (r"date/", ("actors/",)),
    "Catch2": (r"catch2/", ()),
}
# Pure computation, so even a machine may use it.
MACHINES_MAY = {"date"}
# Of the system, beside the standard library: only where something is done to the world.
SYSTEM = re.compile(r"(sys|linux|netinet|arpa|net)/|[a-z_0-9]+\.h$")
SYSTEM_ALLOWED = ("bridge/", "config/load", "ops/", "tests/", "examples/")
STANDARD = re.compile(r"[a-z_0-9]+$")
# In these layers nothing but the standard library, the table's explicit exceptions apart.
STANDARD_ONLY = {"messages", "ports", "machines", "options"}


@dataclass(frozen=True)
class Include:
    line: int
    target: str
    is_quoted: bool


def includes_of(source):
    found = []
    for match in INCLUDE.finditer(source.code):
        found.append(Include(source.line_of(match.start()), match[1] or match[2], match[1] is not None))
    return found


def machine_paths(root):
    """The files of the CMake targets called *machines*: what neither CAF nor the broker may reach."""
    paths = set()
    for listing in (root / "actors").rglob("CMakeLists.txt"):
        text = re.sub(r"#.*", "", listing.read_text(encoding="utf-8"))
        for match in re.finditer(r"(?:add_library|target_sources)\s*\(\s*\w*machines?\b([^)]*)\)", text):
            for name in re.findall(r"[\w./]+\.[ch]pp\b", match[1]):
                path = (listing.parent / name).resolve().relative_to(root.resolve()).as_posix()
                paths.update({path, re.sub(r"\.cpp$", ".hpp", path)})
    return paths


def with_what_they_include(machines, graph):
    """A machine's parts are machines too: what it includes from its own folder, shells (`actor`, `*_actor`) apart."""
    pending = [path for path in graph if layer_of(path, machines) == "machines"]
    reached = set(pending)
    while pending:
        for target in graph[pending.pop()] - reached:
            if layer_of(target, machines) == "actors" and not re.search(r"(?:/|_)actor\.[ch]pp$", target):
                reached.add(target)
                pending.append(target)
    return machines | reached


def layer_of(path, machines):
    parts = path.split("/")
    if parts[0] == "config":
        return "options" if re.match(r"options(_values)?\.[ch]pp$", parts[-1]) else "config"
    if parts[0] != "actors":
        return parts[0]
    if parts[1] == "ports":
        return "ports"
    return "machines" if path in machines or re.match(r"machine\b|machine_", parts[-1]) else "actors"


def check_own(source, include, known, machines):
    """An include of ours: written from the root, there, and along an arrow."""
    target = include.target
    if target.split("/")[0] not in FOLDERS or "/" not in target or "/../" in target:
        return "path", f'write "{target}" from the repository\'s root, as "messages/task.hpp"'
    if target not in known:
        return "missing", f'"{target}" does not exist: mend the name or drop the include'
    here, there = layer_of(str(source.path), machines), layer_of(target, machines)
    if here == there or there in ARROWS[here]:
        return None
    allowed = ", ".join(sorted(ARROWS[here])) or "nothing of ours"
    return "layer", f'{here} may include {allowed}; not {there} ("{target}"): turn the arrow round, through a port or a value'


def check_library(source, include, machines):
    """An include of somebody else's: where its library is allowed."""
    path, target = str(source.path), include.target
    here = layer_of(path, machines)
    for name, (pattern, places) in LIBRARIES.items():
        if re.match(pattern, target):
            pure = here in ("machines", "ports")
            if here == "tests" or (path.startswith(places) and (not pure or name in MACHINES_MAY)):
                return None
            where = ", ".join((*places, "tests/"))
            return "library", f"<{target}> is {name}, which is included only in {where}" + (", never in " + here if pure else "")
    if STANDARD.match(target):
        return None
    if here in STANDARD_ONLY:
        return "library", f"<{target}>: {here} are made of the standard library alone; put it behind a port"
    if not SYSTEM.match(target):
        return "library", f"<{target}> is of no known library: give it a line in LIBRARIES, with its one place"
    if not path.startswith(SYSTEM_ALLOWED):
        return "system", f"<{target}>: only {', '.join(SYSTEM_ALLOWED)} talk to the system; put it behind a port"
    return None


def check_meeting(source, includes, machines):
    """Actors and bridge meet in the wiring alone."""
    path = str(source.path)
    if source.folder != "ops" or path.startswith("ops/batond/wiring"):
        return []
    first_actor = next((i for i in includes if i.is_quoted and layer_of(i.target, machines) == "actors"), None)
    bridge = next((i for i in includes if i.is_quoted and i.target.startswith("bridge/")), None)
    if first_actor is None or bridge is None:
        return []
    return [Finding(path, bridge.line, "meeting",
                    f'"{first_actor.target}" and "{bridge.target}" meet only in ops/batond/wiring: move one of them there')]


def cycles(graph):
    """One path per knot of headers that include each other (Tarjan's components, without recursion's depth)."""
    state, found = {}, []
    for start in sorted(graph):
        trail, pending = [], [(start, iter(sorted(graph[start])))]
        if start in state:
            continue
        state[start] = "open"
        trail.append(start)
        while pending:
            node, rest = pending[-1]
            following = next(rest, None)
            if following is None:
                state[node] = "done"
                pending.pop()
                trail.pop()
            elif state.get(following) == "open":
                found.append(trail[trail.index(following):] + [following])
            elif following in graph and following not in state:
                state[following] = "open"
                trail.append(following)
                pending.append((following, iter(sorted(graph[following]))))
    return found


def check(root):
    files = [source for source in sources(root) if source.is_cpp]
    known = {str(source.path) for source in files}
    includes_by_path = {str(source.path): includes_of(source) for source in files}
    graph = {path: {i.target for i in includes if i.is_quoted and i.target in known} for path, includes in includes_by_path.items()}
    machines = with_what_they_include(machine_paths(root), graph)
    findings = []
    for source in files:
        includes = includes_by_path[str(source.path)]
        for include in includes:
            broken = (check_own(source, include, known, machines) if include.is_quoted
                      else check_library(source, include, machines))
            if broken:
                findings.append(Finding(str(source.path), include.line, *broken))
        findings += check_meeting(source, includes, machines)
    for loop in cycles(graph):
        findings.append(Finding(loop[0], 1, "cycle", f"headers include each other: {' -> '.join(loop)}; split one of them"))
    return findings


if __name__ == "__main__":
    sys.exit(report(check(root_from(sys.argv))))
