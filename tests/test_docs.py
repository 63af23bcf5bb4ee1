"""Every code block of the documentation runs: Python as doctests, commands, C and C++."""

from __future__ import annotations

import doctest
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from helpers import C_COMPILER, C_WARNINGS
from randprop import cli

ROOT = Path(__file__).parent.parent
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docs/*.md"))}
BLOCK = re.compile(r"^```(\S*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# Run elsewhere: nox -s cpp_package configures, builds and installs the C++ library, and builds
# examples/cpp, whose CMakeLists.txt holds the lines of the page.
ELSEWHERE = {"cmake -S", "cmake --build"}
PROJECTS = "".join(  # that a session of nox builds
    (ROOT / folder / "CMakeLists.txt").read_text()
    for folder in ("examples/cpp", "tests/cpp/fetched")
)


def blocks(name: str, language: str) -> list[str]:
    return [body for found, body in BLOCK.findall(PAGES[name]) if found == language]


def test_every_language_is_known():
    known = {"python", "sh", "c", "cpp", "cmake", "{toctree}", "{eval-rst}"}
    for name, page in PAGES.items():
        assert {language for language, _ in BLOCK.findall(page)} <= known, name
    assert sum(len(blocks(name, "python")) for name in PAGES) >= 20


@pytest.mark.parametrize(
    "name", [name for name, page in PAGES.items() if "```python" in page or "```sh" in page]
)
def test_blocks(name, tmp_path, monkeypatch):
    """Commands find what the page's Python has written."""
    monkeypatch.chdir(tmp_path)
    for body in blocks(name, "python"):
        assert body.startswith(">>> "), body
    found = doctest.testfile(str(ROOT / "docs" / name), module_relative=False, encoding="utf-8")
    assert (found.attempted > 0) == ("```python" in PAGES[name])
    assert found.failed == 0
    for body in blocks(name, "sh"):
        for line in body.splitlines():
            words = shlex.split(line)
            if " ".join(words[:2]) in ELSEWHERE:
                continue
            assert words[0] == "randprop"
            assert cli.main(words[1:]) == 0


@pytest.mark.parametrize("name", [name for name in PAGES if "```cmake" in PAGES[name]])
def test_cmake_blocks(name):
    for body in blocks(name, "cmake"):
        for line in body.splitlines():
            assert line in PROJECTS.splitlines()


def test_c_blocks(tmp_path):
    assert (
        cli.main(
            ["export", "c", "--dataset", "digits", "--stages", "images", "--out", str(tmp_path)]
        )
        == 0
    )
    bodies = blocks("embedded.md", "c")
    assert bodies
    for body in bodies:
        (tmp_path / "block.c").write_text(body + "int main(void) { return classify() < 0; }\n")
        subprocess.run(
            [C_COMPILER, "-std=c99", *C_WARNINGS, "-Wno-missing-prototypes", "block.c",
             "randprop_micro.c", "-o", "block"],
            cwd=tmp_path, check=True,
        )  # fmt: skip
        assert subprocess.run([tmp_path / "block"], check=False).returncode == 0


def test_cpp_blocks(tmp_path):
    bodies = blocks("cpp.md", "cpp")
    assert bodies
    for body in bodies:
        (tmp_path / "block.cpp").write_text(body)
        subprocess.run(
            ["c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
             f"-I{ROOT / 'cpp' / 'include'}", str(tmp_path / "block.cpp")],
            check=True,
        )  # fmt: skip


def test_the_page_of_the_command_names_every_option():
    verbs = cli.make_parser(tuple(cli.VERBS))[1]
    page = PAGES["command_line.md"]
    options = {o for verb in verbs.values() for a in verb.added for o in a.option_strings}
    assert set(re.findall(r"--[a-z][a-z-]*", page)) - {"--help"} == options
    for name in verbs:
        assert f"| `{name}` |" in page


def test_links_of_the_documentation_lead_somewhere():
    for name, page in PAGES.items():
        for target in re.findall(r"\]\(([^)#]*)", page):
            if target and not re.match(r"[a-z]+:", target):
                assert (ROOT / "docs" / target).exists(), f"{name}: {target}"
