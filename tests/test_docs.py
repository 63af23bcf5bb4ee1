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
# Run elsewhere: nox -s package installs with pip; nox -s cpp_package configures, builds and
# installs the C++ library, and builds examples/cpp, whose CMakeLists.txt has the lines of the page.
ELSEWHERE = {"cmake -S", "cmake --build", "c++ -std=c++17", "pip install", "pip wheel"}
PROJECTS = "".join(  # that a session of nox builds
    (ROOT / folder / "CMakeLists.txt").read_text()
    for folder in ("examples/cpp", "tests/cpp/fetched")
)


def blocks(name: str, language: str) -> list[str]:
    return [body for found, body in BLOCK.findall(PAGES[name]) if found == language]


def test_every_language_is_known():
    known = {"python", "sh", "text", "c", "cpp", "cmake", "{toctree}", "{eval-rst}"}
    for name, page in PAGES.items():
        assert {language for language, _ in BLOCK.findall(page)} <= known, name
    assert sum(len(blocks(name, "python")) for name in PAGES) >= 20


@pytest.mark.parametrize(
    "name", [name for name, page in PAGES.items() if "```python" in page or "```sh" in page]
)
def test_blocks(name, tmp_path, monkeypatch, capsys):
    """Commands find what the page's Python has written, and print what the page says."""
    monkeypatch.chdir(tmp_path)
    for body in blocks(name, "python"):
        assert body.startswith(">>> "), body
    found = doctest.testfile(str(ROOT / "docs" / name), module_relative=False, encoding="utf-8")
    assert (found.attempted > 0) == ("```python" in PAGES[name])
    assert found.failed == 0
    printed = ""
    for language, body in BLOCK.findall(PAGES[name]):
        if language == "sh":
            capsys.readouterr()
            ran = [run_line(line) for line in body.splitlines()]
            printed = "".join(capsys.readouterr()) if any(ran) else ""
        elif language == "text" and printed:
            assert_prints(printed, body)
            printed = ""


def run_line(line: str) -> bool:
    """Run a command of randprop; whether it is one, rather than one that is run elsewhere."""
    words = shlex.split(line)
    if " ".join(words[:2]) in ELSEWHERE:
        return False
    assert words[0] == "randprop"
    assert cli.main(words[1:]) == 0
    return True


def assert_prints(printed: str, shown: str) -> None:
    """Demand the shown lines in their order; ``...`` stands for the end of a line, or for lines."""
    pattern = ""
    for line in shown.splitlines():
        if line == "...":
            pattern += "(?:.*\\n)*?"
        else:
            end = ".*" if line.endswith("...") else " *"
            pattern += f"{re.escape(line.removesuffix('...').rstrip())}{end}\\n"
    assert re.search(f"^{pattern}", printed, re.MULTILINE), f"{shown}\nis not in\n{printed}"


def test_shown_lines_are_compared():
    printed = "one 1\ntwo 2.5\nthree\nfour\n"
    for shown in ("one 1\n", "two ...\nthree\n", "one 1\n...\nfour\n", "...\nthree\n...\n"):
        assert_prints(printed, shown)
    for shown in ("one 2\n", "one 1\nthree\n", "four\n...\none 1\n", "ne 1\n"):
        with pytest.raises(AssertionError):
            assert_prints(printed, shown)


def test_the_message_without_a_compiler_is_that_of_cmake():
    cmake = (ROOT / "CMakeLists.txt").read_text()
    said = " ".join("".join(re.findall(r'"([^"]*)"', cmake.split("FATAL_ERROR")[1])).split())
    (shown,) = (body for body in blocks("install.md", "text") if "compiler" in body)
    assert said.startswith(" ".join(shown.split()))


def test_extras_that_pages_install_exist():
    extras = set(re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    pages = {**PAGES, "README.md": (ROOT / "README.md").read_text(encoding="utf-8")}
    named = {
        extra
        for page in pages.values()
        for listed in re.findall(r"pip (?:install|wheel) [^`\n]*'[\w.]+\[([\w,]+)\]", page)
        for extra in listed.split(",")
    }
    assert {"all", "learn", "plot"} <= named
    assert named <= extras


def test_the_table_of_extras_has_all_of_them():
    project = (ROOT / "pyproject.toml").read_text()
    (whole,) = re.findall(r'^all = \["randprop\[([\w,]+)\]"\]', project, re.MULTILINE)
    table = re.findall(r"^\| [^|]+ \| `(\w+)` \|$", PAGES["install.md"], re.MULTILINE)
    assert set(table) == {*whole.split(","), "all"}


def test_figures_of_when_stand_where_they_come_from():
    sources = "".join(
        PAGES[f"{name}.md"] for name in ("accuracy", "fitting", "embedded", "tutorial")
    )
    figures = re.findall(r"\b\d+\.\d{3,4}\b|\b\d+\.\d+(?= s\b)", PAGES["when.md"])
    # What trained networks of others reach, which no page of ours measures.
    assert set(figures) - {"0.995"} <= set(re.findall(r"\d+\.\d+", sources))
    assert len(figures) >= 15


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
