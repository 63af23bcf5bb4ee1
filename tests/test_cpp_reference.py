"""The page of the C++ API holds every public name of the headers, and nothing that is private."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEADERS = {p.name: p.read_text() for p in sorted((ROOT / "cpp/include/randprop").glob("*.hpp"))}


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("cpp_reference", ROOT / "tools/cpp_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def section(page: str, header: str) -> str:
    return page.split(f"## {header}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize("header", HEADERS)
def test_every_public_name(tool, header):
    # By other means than the tool's: what begins at the left edge, or stands in a public class.
    text = re.sub(r"^ private:\n.*?^};", "", HEADERS[header], flags=re.DOTALL | re.MULTILINE)
    text = "\n".join(line.split("//")[0] for line in text.splitlines())
    types = re.findall(r"^(?:class|struct|enum class) (\w+)(?: : public [\w:]+)? \{", text, re.M)
    constants = re.findall(r"^constexpr [\w:]+ (\w+) =", text, re.M)
    functions = re.findall(r"^[a-z][\w:<>*& ]* (\w+)\(", text, re.M)
    methods = re.findall(r"^  [a-zA-Z][\w:<>*& ]* [*&]?(\w+)\([^;{]*\)[^;{]*[;{]", text, re.M)
    found = section(tool.page(), header)
    headings = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^### .*", found, re.M))))
    assert types or constants or functions
    assert {*types, *constants, *functions} - {"template"} <= headings
    for name in methods:
        assert re.search(rf"\b{name}\(", found), name


def test_nothing_private_and_no_bodies(tool):
    page = tool.page()
    assert "private:" not in page
    assert " return " not in page
    assert not re.search(r"\b\w+_;", page)  # a member of ours that is private
    assert page.count("```") % 2 == 0


def test_text_is_safe_and_code_is_as_it_stands(tool):
    comment = ["// The x_i of a[0] < 1, of Model::load().", "//", "//   const auto x = y[0];"]
    assert tool.shown(comment) == (
        "The `x_i` of a\\[0\\] \\< 1, of `Model::load()`.\n\n    const auto x = y[0];"
    )
    code = "struct A {\n  int n() const { return n_; }\n private:\n  int n_;\n};"
    assert tool.public(code) == "struct A {\n  int n() const;\n};"


def test_what_is_not_understood_is_refused(tool):
    with pytest.raises(ValueError, match="no name is found in '#error'"):
        tool.names("#error")
    with pytest.raises(ValueError, match="never closed"):
        tool.closing("{ {}", 0)
