"""One HTML file that runs the core in a browser: its parts put together, nothing computed here.

The parts lie in the folder ``page``: HTML, styles and modules of JavaScript, the core as
WebAssembly, and the table of text. The file asks for nothing from anywhere; its content security
policy names its one script and its one style by their sums.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._validation import told

__all__ = ["english", "packed_sets", "page"]

Images = NDArray[np.uint8]

# Modules in an order in which each comes after those that it imports.
_WORKER = ("core", "model_file", "networks", "worker")
_SCRIPT = ("common", "digit", "pictures", "chart", "draw", "experiments", "page")
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
# A line of the table of text, or a part of the page.
_BLANK = re.compile(r"\{\{([a-z0-9_.]+)\}\}|\[\[([a-z]+)\]\]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_NAMES = re.compile(r"\{(\w+)\}")


def english() -> dict[str, str]:
    """Return the table of all text of the page: what a translation has other values of."""
    found: dict[str, str] = json.loads(_read("text.json"))
    return found


def page(facts: Mapping[str, Any], sets: bytes, text: Mapping[str, str] | None = None) -> str:
    """Return the page as one HTML text.

    Parameters
    ----------
    facts : mapping
        Values for its scripts: ``version``, ``n_train``, ``n_test``, ``theory`` (accuracies by
        activation, width and depth), ``channels`` and ``costs``.
    sets : bytes
        The images in the page, as `packed_sets` gives them.
    text : mapping, optional
        The table of text. Default: English.

    Raises
    ------
    ValueError
        If a line of the table is missing, unknown, empty, or has other ``{names}`` than the English
        line, or if ``lang`` is not a language.
    """
    table = _checked(text)
    script = _module(_SCRIPT)
    style = _read("page.css")
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {_sum(script)} 'wasm-unsafe-eval'",
            f"style-src {_sum(style)}",
            "worker-src blob:",
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    wasm = gzip.compress(_bytes("randprop.wasm"), 9, mtime=0)
    parts = {
        "policy": policy,
        "style": style,
        "script": script,
        "text": _json(table),
        "facts": _json(facts),
        "wasm": base64.b64encode(wasm).decode(),
        "digits": base64.b64encode(sets).decode(),
        "work": _module(_WORKER),
    }
    return _BLANK.sub(
        lambda blank: html.escape(table[blank[1]]) if blank[1] else parts[blank[2]],
        _read("page.html"),
    )


def packed_sets(train: tuple[Images, Images], test: tuple[Images, Images]) -> bytes:
    """Return images and labels as the page reads them, one member of gzip.

    Each set is (images of shape (n, 784), labels), both uint8. Packed are the numbers of images,
    of 32 bits, then the labels and images of each set.
    """
    sizes = np.array([len(train[1]), len(test[1])], dtype="<u4").tobytes()
    body = b"".join(y.tobytes() + x.tobytes() for x, y in (train, test))
    return gzip.compress(sizes + body, 6, mtime=0)


def _checked(text: Mapping[str, str] | None) -> dict[str, str]:
    usual = english()
    if text is None:
        return usual
    if not isinstance(text, Mapping):
        raise TypeError(f"text must be a mapping of names to lines, got {told(text)}")
    # In the order of the file, so that a translator finds the place.
    if missing := [name for name in usual if name not in text]:
        raise ValueError(
            f"text must have all {len(usual)} lines of the page, got {len(usual) - len(missing)}: "
            f"it lacks {missing[0]!r}"
            + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
        )
    for name in text:
        if name not in usual:
            raise ValueError(f"text has a line {name!r} that the page does not have")
    for name, line in text.items():
        if not isinstance(line, str):
            raise TypeError(f"text must hold strings, got {told(line)} for {name!r}")
        if not line.strip():
            raise ValueError(f"text must not be empty, got {line!r} for {name!r}")
        if set(_NAMES.findall(line)) != set(_NAMES.findall(usual[name])):
            raise ValueError(
                f"text must have the names of {usual[name]!r} in {name!r}, got {line!r}"
            )
    if not _LANGUAGE.fullmatch(text["lang"]):  # a browser would refuse to write numbers in it
        raise ValueError(f"text['lang'] must be a language such as 'de', got {text['lang']!r}")
    return dict(text)


def _module(names: tuple[str, ...]) -> str:
    """Modules as one script: what they import from each other is there already."""
    sources = [_EXPORT.sub("", _IMPORT.sub("", _read(f"{name}.mjs"))) for name in names]
    return '"use strict";\n{\n' + "\n".join(sources) + "}\n"


def _json(value: Any) -> str:
    """JSON that no HTML is taken for."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def _sum(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _bytes(name: str) -> bytes:
    return files("randprop.show").joinpath("page", name).read_bytes()


def _read(name: str) -> str:
    return _bytes(name).decode("utf-8")
