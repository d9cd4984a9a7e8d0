"""Where functions begin and end in C++ text, by its braces. Reads what source_tree.blank_out leaves."""

import re
from dataclasses import dataclass

SCOPE = re.compile(r"^(?:export\s+|inline\s+|typedef\s+|friend\s+)*(?:namespace|class|struct|union|enum|extern)\b(?!.*\)\s*$)", re.S)
CONTROL = re.compile(r"^(?:\}?\s*else\s+)?(?:if|for|while|switch|catch|do|else|try)\b")
AFTER_PARAMETERS = re.compile(
    r"(?:\s|const\b|noexcept\b|override\b|final\b|mutable\b|volatile\b|try\b|&)*(?:->.*|requires\b.*|:\s.*)?$", re.S)


@dataclass(frozen=True)
class Function:
    name: str
    first_line: int
    last_line: int

    @property
    def length(self):
        return self.last_line - self.first_line + 1


@dataclass
class Block:
    kind: str
    head: str
    head_start: int


def without_templates(head):
    """`head` without what stands in angle brackets, so that no parenthesis in there misleads."""
    head = re.sub(r"operator\s*(?:<=>|<<=?|>>=?|<=|>=|<|>|->\*?)", "operator_", head).replace("->", "\x00")
    before = None
    while before != head:
        before = head
        head = re.sub(r"<[^<>{};]*>", "", head)
    return re.sub(r"^(?:\s*template\b)+\s*", "", head.replace("\x00", "->")).strip()


def parameters_end(head):
    """Where the last parenthesis at depth 0 before any initialiser list closes; -1 if there is none."""
    depth, end = 0, -1
    for index, char in enumerate(head):
        if char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            end = index
        elif char == ":" and depth == 0 and end >= 0 and head[index - 1] != ":" and head[index + 1 : index + 2] != ":":
            break
    return end if depth == 0 else -1


def kind_of(head):
    """What the brace after `head` opens: scope, control, function or value."""
    head = without_templates(re.sub(r"\[\[[^\]]*\]\]", "", head))
    if not head or SCOPE.match(head):
        return "scope" if head else "value"
    if CONTROL.match(head):
        return "control"
    end = parameters_end(head)
    if end < 0:
        return "value"
    rest = head[end + 1 :]
    if re.match(r"[^-]*:\s.*\w$", rest, re.S):
        return "value"  # a member's brace in a constructor's initialiser list
    return "function" if AFTER_PARAMETERS.fullmatch(rest) else "value"


def name_of(head):
    match = re.search(r"(~?[\w:]+|operator\S+?)\s*\(", without_templates(head))
    return match[1] if match else "this function"


DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w*)(?:[^\n\\]|\\.|\\\n)*", re.M | re.S)


def without_preprocessor(code):
    """Blanks directives, and every branch of a conditional after its first: both may open the same function."""
    kept, dropped_at, end = [], [], 0
    for match in DIRECTIVE.finditer(code):
        text = code[end : match.start()]
        kept.append(re.sub(r"[^\n]", " ", text) if any(dropped_at) else text)
        kept.append(re.sub(r"[^\n]", " ", match[0]))
        end = match.end()
        if match[1].startswith("if"):
            dropped_at.append(False)
        elif match[1] in ("else", "elif") and dropped_at:
            dropped_at[-1] = True
        elif match[1] == "endif" and dropped_at:
            dropped_at.pop()
    return "".join(kept) + code[end:]


def functions(code):
    """All functions that stand in no other one, in order. A lambda counts as part of what holds it."""
    code = without_preprocessor(code)
    found, stack, start = [], [], 0
    head = ""
    for index, char in enumerate(code):
        if char == "{":
            stack.append(Block(kind_of(head), head, start))
            head, start = "", index + 1
        elif char == "}":
            block = stack.pop() if stack else Block("scope", "", index)
            if block.kind == "function" and all(outer.kind == "scope" for outer in stack):
                first = block.head_start + len(code[block.head_start :]) - len(code[block.head_start :].lstrip())
                found.append(Function(name_of(block.head), code.count("\n", 0, first) + 1, code.count("\n", 0, index) + 1))
            # After a value the same declaration goes on: `: a_{1}, b_{2} {`.
            head, start = (block.head + "{}", block.head_start) if block.kind == "value" else ("", index + 1)
        elif char == ";" and head.count("(") == head.count(")"):
            head, start = "", index + 1
        elif char == ":" and re.search(r"\b(?:public|private|protected)\s*$", head):
            head, start = "", index + 1
        else:
            head += char
    return found
