"""What is told of the package outside of it: versions, links, wheels, actions, the changelog."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from randprop import _extras

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_versions_agree() -> None:
    version = PYPROJECT["project"]["version"]
    cmake = re.search(r"project\(randprop VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cmake is not None
    assert cited is not None
    assert cmake[1] == cited[1] == version


def test_every_section_of_the_changelog_has_a_date() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings
    for heading in headings:
        assert re.fullmatch(r"Unreleased|\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)", heading), heading


def test_a_package_index_gets_addresses_for_links() -> None:
    text = (ROOT / "README.md").read_text()
    hook = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    for rule in hook["substitutions"]:
        text = re.sub(rule["pattern"], rule["replacement"], text)
    found = re.findall(r"\]\(([^)]*)\)", text)
    assert len(found) >= 20
    repository = PYPROJECT["project"]["urls"]["Source"]
    raw = repository.replace("github.com", "raw.githubusercontent.com") + "/v$HFPR_VERSION/"
    pages = f"{repository}/blob/v$HFPR_VERSION/"
    for address in found:
        assert address.startswith("https://")
        if address.startswith((raw, pages)):
            path = address.removeprefix(raw).removeprefix(pages).partition("#")[0]
            assert (ROOT / path).is_file(), address
    assert {address.startswith(raw) for address in re.findall(r"!\[[^\]]*\]\((.*?)\)", text)} == {
        True
    }


def test_wheels_are_for_every_python_that_is_named() -> None:
    wheels = (ROOT / "tests/data/wheels.txt").read_text().split()
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PYPROJECT["project"]["classifiers"]))
    pythons = {wheel.partition("-")[0] for wheel in wheels}
    assert pythons == {*("cp" + version.replace(".", "") for version in named), "cp314t"}
    assert PYPROJECT["project"]["requires-python"] == f">={named[0]}"
    assert set(PYPROJECT["tool"]["cibuildwheel"]["build"].split()) == {f"{p}-*" for p in pythons}


@pytest.mark.parametrize("path", sorted(ROOT.glob(".github/workflows/*.yml")), ids=lambda p: p.name)
def test_actions_are_pinned_to_a_commit(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    assert "permissions:\n  contents: read\n" in path.read_text()


def test_the_policy_names_every_extra() -> None:
    text = (ROOT / "docs/policy.md").read_text()
    for extra in {*_extras._EXTRAS.values(), "progress", "all"}:
        assert f"| `{extra}` |" in text


def test_every_session_is_run_where_its_page_says() -> None:
    sessions = set(re.findall(r"@nox\.session.*\ndef (\w+)\(", (ROOT / "noxfile.py").read_text()))
    gate = (ROOT / ".ci/run").read_text()
    ran = set(" ".join(re.findall(r"^  sessions (.*)", gate, re.MULTILINE)).split()) & sessions
    timed = "\n".join(
        (ROOT / f".github/workflows/{n}.yml").read_text() for n in ("nightly", "audit")
    )
    later = set(" ".join(re.findall(r"nox -s (.*)", timed)).split()) & sessions
    # The README's command is the tests; the other two measure, and change the pins.
    assert ran | later | {"tests", "bench", "pin"} == sessions
    page = (ROOT / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (.*)$", page, re.MULTILINE)
    nightly = {
        name for names, what in rows if "nightly" in what for name in re.findall(r"\w+", names)
    }
    assert nightly == later - ran - {"audit"}
