"""What networks, models and readouts show in a notebook: a table, and a picture that says it."""

from __future__ import annotations

import html.parser
import re
import struct
import subprocess
import sys
import zlib
from base64 import b64decode

import numpy as np
import pytest

import randprop
from randprop import (
    Centroids,
    Conv1D,
    Conv2D,
    Dense,
    DiscriminantReadout,
    HammingNeighbors,
    Model,
    RidgeReadout,
    StepClassifier,
    StepNetwork,
)

EVIL = '<b onclick="x">\x1b]&"\''


class Page(html.parser.HTMLParser):
    """Tags, attributes of the pictures, and text of a page; every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.tags, self.pictures, self.text = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "img":
            self.pictures.append(dict(attributes))
        else:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def page_of(thing) -> Page:
    text = thing._repr_html_()
    assert len(text) < 40_000
    return Page(text)


def pixels(picture: dict[str, str]) -> np.ndarray:
    """Places of the palette in a PNG, by the format's own rules."""
    head, data = picture["src"].split(",")
    assert head == "data:image/png;base64"
    raw = b64decode(data, validate=True)
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(raw):
        (length,) = struct.unpack(">I", raw[at : at + 4])
        name, body = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]
        assert struct.unpack(">I", raw[at + 8 + length : at + 12 + length]) == (
            zlib.crc32(name + body),
        )
        chunks[name], at = body, at + 12 + length
    assert list(chunks) == [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"]
    width, height, depth, kind, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, kind, rest) == (8, 3, [0, 0, 0])
    assert (str(width), str(height)) == (picture["width"], picture["height"])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert (rows[:, 0] == 2).all()
    return np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8)


FRAME = 33


def tiles(picture: dict[str, str], scale: int) -> list[np.ndarray]:
    """Values inside the frames, in units of the largest: blue above 0, orange below."""
    places = pixels(picture).astype(int)
    framed = places == FRAME
    tops = [y for y in range(len(places)) if framed[y].sum() > 3 and not framed[y - 1].any()]
    found = []
    for top in tops:
        lefts = np.flatnonzero(np.diff(framed[top].astype(int), prepend=0) == 1)
        ends = np.flatnonzero(np.diff(framed[top].astype(int), append=0) == -1)
        for left, end in zip(lefts, ends, strict=True):
            bottom = top + 1 + np.flatnonzero(framed[top + 1 :, left + 1])[0]
            inside = places[top + 1 : bottom, left + 1 : end][::scale, ::scale]
            found.append(np.where(inside > 16, 16 - inside, inside) / 16)
    return found


@pytest.fixture(scope="module")
def digits():
    return randprop.datasets.load_digits()


def test_a_network_shows_its_stages_and_what_its_units_look_at():
    stage = Conv2D(12, 7, fan_in=4, pool=2)
    network = StepNetwork(784, stages=[stage, Dense(30)], input_shape=(28, 28, 1), seed=5)
    page = page_of(network)
    for text in ("Conv2D", "2 x 2 x 12", "30", "StepNetwork of 784 inputs: ", "48"):
        assert any(text in found for found in page.text), text
    (picture,) = page.pictures
    assert "10 images of 7 x 7 values" in picture["alt"]
    found = tiles(picture, 8)
    assert len(found) == 10
    np.testing.assert_array_equal(found, network.weights(0)[:10].reshape(10, 7, 7))
    series = StepNetwork(40, stages=[Conv1D(3, 4, fan_in=2)], input_shape=(20, 2))
    found = tiles(page_of(series).pictures[0], 14)
    expected = series.weights(0).reshape(3, 4, 2).swapaxes(1, 2)
    np.testing.assert_array_equal(np.array(found)[:, ::2], expected)  # a channel a row, and a gap


def test_many_stages_and_weights_stay_small():
    deep = page_of(StepNetwork(16, layers=100_000, width=8))
    assert deep.tags.count("tr") == 1 + 8 + 1 + 3
    assert "100000" in deep.text
    wide = StepNetwork(100_000, layers=1, width=50_000)
    (picture,) = page_of(wide).pictures
    assert picture["alt"] == "Bars of 100000, 50000, 50000"
    assert wide.prepared_bytes == 0
    places = pixels(picture)
    assert [int((places[y] > 0).sum()) for y in (5, 17, 29)] == [240, 120, 120]


def test_a_readout_shows_its_class_means(digits):
    X, y, _, _ = digits
    page = page_of(Centroids().fit(X, y))
    assert "64 bytes" in page.text
    assert "10: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in page.text
    assert f"{len(X):,}" in page.text
    found = np.array(tiles(page.pictures[0], 7))
    means = np.array([X[y == label].mean(axis=0) for label in range(10)])
    top = np.quantile(means[means > 0], 0.98)
    np.testing.assert_allclose(found.reshape(10, 64), (means / top).clip(0, 1), atol=1 / 31)


@pytest.mark.parametrize("make", [RidgeReadout, DiscriminantReadout])
def test_linear_readouts_are_not_solved_for_a_picture(digits, make, monkeypatch):
    X, y, _, _ = digits
    readout = make().fit(X, y)
    with monkeypatch.context() as patch:
        patch.setattr(make, "_solved", lambda self: pytest.fail("solved"))
        before = page_of(readout)
    assert "Class means" in before.pictures[0]["alt"]
    coef = readout.coef_
    found = np.array(tiles(page_of(readout).pictures[0], 7)).reshape(10, 64)
    large = abs(coef) > 0.1 * abs(coef).max()
    assert (np.sign(found[large]) == np.sign(coef[large])).all()


def test_other_readouts(digits, tmp_path):
    X, y, _, _ = digits
    kept = HammingNeighbors(3).fit(X[:50], y[:50])
    (picture,) = page_of(kept).pictures
    numbers = np.bincount(y[:50]).tolist()
    assert picture["alt"] == f"Bars of {', '.join(map(str, numbers))}"
    quantized = page_of(Centroids().fit(X, y).quantize(4))
    assert "Coefficients" in quantized.pictures[0]["alt"]
    ridge = RidgeReadout().fit(StepNetwork(64, width=50).propagate(X), y)
    randprop.save(Model(StepNetwork(64, width=50), ridge), tmp_path / "ridge.safetensors")
    read = randprop.load(tmp_path / "ridge.safetensors")
    assert len(page_of(read).pictures) == 2
    assert len(page_of(read.readout).pictures) == 1
    for unfitted in (Centroids(), HammingNeighbors(), RidgeReadout(0.5), DiscriminantReadout()):
        page = page_of(unfitted)
        assert not page.pictures
        assert "not yet" in page.text
    assert "0.5" in page_of(RidgeReadout(0.5)).text
    unlabelled = HammingNeighbors().fit(X[:9])
    assert not page_of(unlabelled).pictures
    target = randprop.StepRegressor(width=40).fit(X, y).readout_
    assert "RidgeRegression" in page_of(target).text[0]


def test_labels_and_names_are_escaped():
    X = np.arange(24, dtype=np.uint8).reshape(6, 4)
    network = StepNetwork(4, width=16)
    readout = Centroids().fit(network.propagate(X), [EVIL, "b"] * 3)
    model = Model(network, readout, feature_names=[EVIL, "x" * 5000, "c", "d"])
    text = model._repr_html_()
    assert "<b" not in text
    assert "\x1b" not in text
    assert "x" * 30 not in text
    page = page_of(model)
    assert sum("onclick" in found for found in page.text) == 3
    assert set(page.tags) == {
        "table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "img", "figcaption",
    }  # fmt: skip


def test_many_classes_and_features_stay_small():
    X = np.random.default_rng(0).integers(0, 255, (300, 9_000), dtype=np.uint8)
    page = page_of(Centroids().fit(X, np.arange(300)))
    assert "Class means, 10 of 300 classes" in page.text
    assert sum("300: 0, 1, 2" in text and "…" in text for text in page.text) == 1
    # Nothing but noughts, and one that stands out.
    assert len(page_of(Centroids().fit(np.zeros((4, 9), np.uint8), [0, 1, 0, 1])).pictures) == 1


def test_colours_are_seen_on_light_and_dark():
    """A shade of full strength has three times the luminance of black, a third of white's."""
    picture = page_of(StepNetwork(64)).pictures[0]
    raw = b64decode(picture["src"].split(",")[1])
    palette = raw[raw.index(b"PLTE") + 4 :][: 3 * 34]
    alphas = raw[raw.index(b"tRNS") + 4 :][:34]
    assert alphas[0] == 0
    for place in (16, 32):
        assert alphas[place] == 255
        linear = [
            (c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4)
            for c in palette[3 * place : 3 * place + 3]
        ]
        light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert (light + 0.05) / 0.05 > 3
        assert 1.05 / (light + 0.05) > 3


def test_no_picture_needs_matplotlib_and_none_is_imported_before():
    code = (
        "import sys, randprop\n"
        "assert not [n for n in sys.modules if n.startswith('randprop.show')]\n"
        "sys.modules['matplotlib'] = None\n"
        "X, y, _, _ = randprop.datasets.load_digits()\n"
        "classifier = randprop.StepClassifier(stages='images', width=64)\n"
        "print(len(classifier.fit(X.reshape(-1, 8, 8), y).model_._repr_html_()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\d{4,5}\n", done.stdout)


def test_a_model_shows_both(digits):
    X, y, _, _ = digits
    classifier = StepClassifier(width=50, readout="ridge").fit(X, y)
    page = page_of(classifier.model_)
    assert page.tags.count("table") == 3
    assert [text for text in page.text if "10: 0, 1" in text]
    assert f"64 by {classifier.scaling_!r}" in page.text
