"""Check a built site without a network: links, anchors, and that it fetches nothing from elsewhere.

    python tools/check_site.py build/docs

A link inside the site must lead to a file, and its anchor to an ``id`` of that page. A page may
link to other sites, but whatever a browser fetches by itself (scripts, styles, pictures, frames,
fonts) must be part of the site. Prints what is broken, one line each, and ends with status 1.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself: an element and the attribute that names it.
FETCHED = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "src",
    "track": "src",
    "video": "src",
}
# Kinds of <link> that only name a page.
NOT_FETCHED = {"next", "prev", "search", "index", "canonical", "alternate", "author", "license"}
IN_STYLES = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")


class Page(HTMLParser):
    """The ids of a page, its links, and what it fetches."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self._in_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the ids, links and fetched places of an element."""
        given = {name: value or "" for name, value in attrs}
        self._in_style = tag == "style"
        self.ids.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.fetched += styles(given.get("style", ""))
        place = given.get(FETCHED.get(tag, ""))
        if place is None:
            return
        kinds = set(given.get("rel", "").lower().split())
        (self.links if kinds & NOT_FETCHED else self.fetched).append(place)

    def handle_data(self, data: str) -> None:
        """Keep what a style sheet in the page fetches."""
        if self._in_style:
            self.fetched += styles(data)

    def handle_endtag(self, tag: str) -> None:
        """Leave a style sheet."""
        self._in_style = False


def styles(text: str) -> list[str]:
    """Return what a style sheet fetches."""
    return [first or second for first, second in IN_STYLES.findall(text)]


def broken(site: Path) -> list[str]:
    """Return one line for each thing that is wrong."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    found = []

    def look(path: Path, place: str, fetches: bool) -> None:
        name = path.relative_to(site)
        parts = urlsplit(place)
        if parts.scheme in {"data", "blob"}:
            return
        if parts.scheme or parts.netloc:
            if fetches:
                found.append(f"{name}: fetches {place} from elsewhere")
            return
        goal = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if goal.is_dir():
            goal /= "index.html"
        if not goal.is_file():
            found.append(f"{name}: {place} leads nowhere")
        elif parts.fragment and goal in pages and unquote(parts.fragment) not in pages[goal].ids:
            found.append(f"{name}: {place}: that page has no such anchor")

    for path, page in sorted(pages.items()):
        for place in page.links:
            look(path, place, False)
        for place in page.fetched:
            look(path, place, True)
    for path in sorted(site.rglob("*.css")):
        for place in styles(path.read_text(encoding="utf-8")):
            look(path, place, True)
    return found


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1], "index.html").is_file():
        sys.exit("usage: python tools/check_site.py FOLDER, one that holds a built site")
    lines = broken(Path(sys.argv[1]).resolve())
    print(
        "\n".join(lines) if lines else "every link and anchor is there, nothing is from elsewhere"
    )
    sys.exit(bool(lines))
