"""The notebooks of examples run, draw what they say, find what they tell pupils, and stay clean."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import matplotlib.pyplot
import pytest

import randprop

matplotlib.use("agg")
ROOT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("draw_gallery", ROOT / "tools" / "draw_gallery.py")
gallery = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(gallery)


def test_every_notebook_is_on_the_page():
    assert set(gallery.NOTEBOOKS) == set((ROOT / "examples" / "notebooks").glob("*.ipynb"))
    assert (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8") == gallery.page()


@pytest.mark.parametrize("path", gallery.NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_as_jupyter_writes_them_without_outputs(path):
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    cells = notebook["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    for cell in cells:
        keys = {"cell_type", "id", "metadata", "source"}
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            keys |= {"outputs", "execution_count"}
        assert set(cell) == keys
    told = "".join(gallery.source_of(cell) for cell in cells if cell["cell_type"] == "markdown")
    assert "`pip install '.[plot]' notebook`, then\n" in told
    assert f"`jupyter notebook {path.relative_to(ROOT).as_posix()}`" in told
    assert told.count("**Question") >= 5
    assert told.count("**Expect.**") >= 5
    for name in re.findall(r"`(\w+\.ipynb)`", told):
        assert (path.parent / name).is_file()


@pytest.mark.parametrize("path", gallery.NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path, monkeypatch):
    """On a tenth of the images; `tools/draw_gallery.py` runs them on all."""
    X, y, X_test, y_test = randprop.datasets.load_mnist()
    few = X[::10], y[::10], X_test[::5], y_test[::5]
    monkeypatch.setattr(randprop.datasets, "load_mnist", lambda: few)
    matplotlib.pyplot.figure()  # of somebody else
    cells = shown = 0
    for cell, figures, value in gallery.run(path):
        cells += 1
        assert len(figures) == ("alt" in cell["metadata"])
        if hasattr(value, "_repr_html_"):
            assert "<table>" in value._repr_html_()
            shown += 1
    assert len(matplotlib.pyplot.get_fignums()) == 1
    assert cells > 6
    assert shown == 1


def test_what_is_not_expected_is_told(tmp_path):
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": ["x = 3\n", "x + 1"]}
    path = tmp_path / "one.ipynb"
    path.write_text(json.dumps({"cells": [cell]}))
    assert [value for _, _, value in gallery.run(path)] == [4]
    cell["metadata"] = {"expect": {"x": [1, 2]}}
    path.write_text(json.dumps({"cells": [cell]}))
    with pytest.raises(AssertionError, match="x is 3"):
        list(gallery.run(path))
