"""tools/check_site.py finds each kind of break in a small site, and none in one that is whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PAGE = """<link rel="stylesheet" href="style.css"><link rel="next" href="https://example.org/">
<h1 id="top">One</h1><a href="https://example.org/">elsewhere</a><a href="#top">here</a>
<a href="folder/#part">a folder</a><img src="data:image/png;base64,">"""


def check(site: Path, page: str) -> tuple[int, str]:
    (site / "folder").mkdir()
    second = '<h1 id="part">Two</h1><a href="../index.html">up</a>'
    (site / "folder" / "index.html").write_text(second)
    (site / "style.css").write_text("h1 { background: url(style.css) }")
    (site / "index.html").write_text(page)
    tool = [sys.executable, str(ROOT / "tools" / "check_site.py"), str(site)]
    ended = subprocess.run(tool, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout


def test_a_whole_site(tmp_path):
    said = "every link and anchor is there, nothing is from elsewhere\n"
    assert check(tmp_path, PAGE) == (0, said)


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ('<a href="missing.html">x</a>', "missing.html leads nowhere"),
        ('<a href="#missing">x</a>', "#missing: that page has no such anchor"),
        ('<a href="folder/index.html#top">x</a>', "index.html#top: that page has no such anchor"),
        ('<img src="missing.png">', "missing.png leads nowhere"),
        ('<script src="https://cdn.example/x.js">', "fetches https://cdn.example/x.js"),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "fetches //cdn.example/x.css"),
        (
            "<style>@import 'https://cdn.example/y.css';</style>",
            "fetches https://cdn.example/y.css",
        ),
        ('<p style="background: url(https://cdn.example/z)">', "fetches https://cdn.example/z"),
    ],
)
def test_what_is_broken_is_named(tmp_path, added, said):
    status, found = check(tmp_path, PAGE + added)
    assert status == 1
    assert found.startswith("index.html: ")
    assert found.count("\n") == 1
    assert said in found
