"""Make the page of the C++ API from the comments of the public headers.

    python tools/cpp_reference.py > page.md

One section a header, with the comment at its top, and one below it for each declaration: its
comment as text, then the declaration as code, without the bodies of functions and without private
members. docs/conf.py calls `page` for each build.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

HEADERS = Path(__file__).resolve().parents[1] / "cpp" / "include" / "randprop"

# What introduces the body of a function: the end of its parameters, then words or initialisers.
BODY = re.compile(r"\)((?:\s*(?:const|noexcept|override))*)(?:\s*:\s[^;{}]*(?:\{\})?)?\s*\{")
NAME = re.compile(
    r"^(?:template <[^>]*>\s*)?(?:inline |constexpr |explicit )*"
    r"(?:(?:class|struct|enum class) (?:[A-Z_]{4,} )?(?P<type>\w+)|using (?P<alias>\w+) ="
    r"|[\w:<>,\s*&]*?(?P<function>\w+)\(|[\w:<>\s]*?(?P<constant>\w+) =)"
)
# What is declared here and defined elsewhere.
FORWARD = re.compile(r"^(?:extern template|(?:class|struct|enum class) \w+;)")
# In text: names of code, and what Markdown would take for its own.
WORD = re.compile(r"(?<![\w`])(?:\w+(?:::\w+)+|\w*[a-z]_\w+|[A-Z]+_[A-Z_]+)(?:\(\))?")


def closing(text: str, start: int) -> int:
    """Return where the brace that opens at `start` is closed."""
    depth = 0
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise ValueError(f"a brace is never closed: {text[start : start + 40]!r}")


def public(code: str) -> str:
    """Return a declaration without the bodies of functions and without private members."""
    if (start := code.find("\n private:")) >= 0:
        code = code[:start].rstrip() + "\n};"
    place = 0
    while found := BODY.search(code, place):
        end = closing(code, found.end() - 1) + 1
        code = f"{code[: found.start()]}){found[1]};{code[end:].removeprefix(';')}"
        place = found.start() + 1
    return code.replace("  // NOLINT: meant to convert", "")


def shown(comment: list[str]) -> str:
    """Return a comment as Markdown; what it indents is code."""
    parts: list[str] = []
    for line in comment:
        text = line.removeprefix("//")
        if text.startswith("   "):
            parts.append(f"    {text[3:]}")
        else:
            text = re.sub(r"([\\*\[\]<>|])", r"\\\1", text.strip())
            parts.append(WORD.sub(lambda m: f"`{m[0]}`", text))
    return "\n".join(parts)


def items(body: str) -> Iterator[tuple[list[str], str]]:
    """Yield the comment and the code of each declaration of a namespace."""
    comment: list[str] = []
    code: list[str] = []
    for line in [*body.splitlines(), ""]:
        depth = sum(part.count("{") - part.count("}") for part in code)
        open_ = bool(code) and (depth > 0 or not code[-1].split("  //")[0].endswith((";", "}")))
        if code and not open_ and (not line or line.startswith("//")):
            yield comment, "\n".join(code)
            comment, code = [], []
        if line.startswith("//") and not code:
            comment.append(line)
        elif line or code:
            code.append(line)


def names(code: str) -> list[str]:
    """Return what the lines at the left edge of a declaration name."""
    lines = re.split(r"(?<!>)\n(?=[^\s}])", code)  # `template <...>` stands on a line of its own
    found = [NAME.match(line) for line in lines]
    if None in found:
        raise ValueError(f"no name is found in {code!r}")
    given = [next(filter(None, match.groups())) for match in found if match]
    return list(dict.fromkeys(given))


def section(path: Path) -> str:
    """Return the section of one header."""
    text = path.read_text(encoding="utf-8")
    head = text[: text.index("#pragma once")].splitlines()
    body = text.split("namespace randprop {\n", 1)[1].split("\n}  // namespace randprop", 1)[0]
    parts = [f"## {path.name}", f"`#include <randprop/{path.name}>`", shown(head)]
    last: list[str] = []
    for comment, code in items(body):
        if FORWARD.match(code):
            continue
        named = names(code)
        if named != last:  # overloads stand together
            parts.append("### " + ", ".join(f"`{name}`" for name in named))
        parts += [shown(comment), f"```cpp\n{public(code)}\n```"]
        last = named
    return "\n\n".join(part for part in parts if part)


def page() -> str:
    """Return the page."""
    head = (
        "# C++ reference\n\nAll names are in the namespace `randprop`. The text is that of the "
        "comments in the public headers. [](../cpp.md) says how to build the library and use it."
    )
    return "\n\n".join([head, *map(section, sorted(HEADERS.glob("*.hpp")))]) + "\n"


if __name__ == "__main__":
    print(page(), end="")
