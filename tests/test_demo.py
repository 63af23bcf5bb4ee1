"""The page that runs the core in a browser: its bits, numbers and files are Python's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler
from itertools import pairwise

import numpy as np
import pytest

import randprop
from browsing import emulate, severe
from helpers import serving
from randprop import Conv2D, StepNetwork, cli, datasets
from randprop.demo import DATA_FILE, demo
from randprop.show.browser import english, packed_sets, page

N_TRAIN = 8000
SECTIONS = ("draw", "paper", "useful", "device")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    demo(folder / "demo.html", data=True)
    return folder


@pytest.fixture(scope="module")
def mnist():
    return datasets.load_mnist()


@pytest.fixture(scope="module")
def address(folder):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with serving(partial(Quiet, directory=folder)) as root:
        yield f"{root}demo.html"


# --- the file ---


def test_file_stands_alone(folder):
    text = (folder / "demo.html").read_text()
    assert len(text.encode()) <= 2_500_000
    assert re.findall(r'(?:href|src)="([^"#]+)"', text) == ["data:,"]
    assert not re.search(r"\[\[|\]\]\B|\{\{|\}\}", text.split("<script")[0])
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_every_line_of_text_is_used(folder):
    shipped = randprop.show.browser
    sources = "".join(
        shipped._read(name)
        for name in ("page.html", "common.mjs", "draw.mjs", "experiments.mjs", "page.mjs")
    )
    for name in english():
        # paper.${kind}, useful.step.${i}, device.${unit} are spelled where they are used.
        family = re.sub(r"\.(centroids|ridge|neighbors|\d|cycles|instructions)$", ".", name)
        assert name in sources or f"{family}${{" in sources, name


def small_page(**options):
    images, labels = np.zeros((1, 784), np.uint8), np.zeros(1, np.uint8)
    facts = {"version": "</script><b>", "channels": [], "costs": [], "theory": {}}
    return page(facts, packed_sets((images, labels), (images, labels)), **options)


def test_translation():
    text = english() | {"lang": "de", "title": "Ein Netz & <kein> Lernen"}
    made = small_page(text=text)
    assert '<html lang="de">' in made
    assert "<h1>Ein Netz &amp; &lt;kein&gt; Lernen</h1>" in made
    assert "</script><b>" not in made


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": None}, "text lacks a line 'title'"),
        ({"more": "x"}, "text has a line 'more' that the page does not have"),
        ({"title": 3}, "text must hold strings, got int 3 for 'title'"),
        ({"draw.label": "It is {number}."}, "text must have the names of .* in 'draw.label'"),
    ],
)
def test_translation_is_checked(change, message):
    text = {name: line for name, line in (english() | change).items() if line is not None}
    with pytest.raises((ValueError, TypeError), match=message):
        small_page(text=text)


def test_translation_from_a_file(tmp_path):
    path = tmp_path / "text.json"
    path.write_text(json.dumps(english() | {"title": "Jedno"}))
    assert "<h1>Jedno</h1>" in demo(tmp_path / "page.html", text=path).read_text()
    path.write_text("{")
    with pytest.raises(ValueError, match=r"text must be a JSON file, .*text\.json is not one"):
        demo(tmp_path / "other.html", text=path)
    assert not (tmp_path / "other.html").exists()


def test_theory_is_that_of_the_package(mnist):
    lines = json.loads(randprop.show.browser._read("theory.json"))
    statistics = randprop.theory.cosine_statistics(*mnist, max_pairs=60)
    found = randprop.theory.predict(statistics, range(16), 784).accuracy
    np.testing.assert_allclose(lines["step"]["784"], found, atol=0.02)


def test_command(tmp_path, capsys):
    out = tmp_path / "page.html"
    assert cli.main(["demo", "--out", str(out)]) == 0
    assert "open it in a browser" in capsys.readouterr().out
    assert out.read_text().startswith("<!doctype html>")
    assert not (tmp_path / DATA_FILE).exists()
    with pytest.raises(SystemExit) as ended:
        cli.main(["demo", "--out", "-"])
    assert ended.value.code == 2
    assert "--out must be a file, got standard output" in capsys.readouterr().err


# --- in the browser ---


def wait(browser, condition, seconds=120):
    end = time.monotonic() + seconds
    while not (found := browser.execute_script(f"return {condition}")):
        assert time.monotonic() < end, condition
        time.sleep(0.02)
    return found


def element(browser, selector):
    from selenium.webdriver.common.by import By

    return browser.find_element(By.CSS_SELECTOR, selector)


def looks(browser):
    return int(browser.execute_script("return document.documentElement.dataset.looked || 0"))


def looked_after(browser, act):
    """Act, and wait until the page has looked at what came of it."""
    before = looks(browser)
    act()
    wait(browser, f"document.documentElement.dataset.looked > {before}")


@pytest.fixture(params=["file", "server"])
def opened(request, browser, folder, address):
    """Give a function that opens the page, from both places."""

    def open_page(state=""):
        emulate(browser, 1280, "light")
        browser.get("about:blank")
        severe(browser)
        root = (folder / "demo.html").as_uri() if request.param == "file" else address
        browser.get(root + state)
        wait(browser, "document.documentElement.dataset.ready")
        wait(browser, "document.documentElement.dataset.looked")

    open_page.is_file = request.param == "file"
    yield open_page
    assert severe(browser) == []


@pytest.fixture
def served(browser, address):
    def open_page(state=""):
        emulate(browser, 1280, "light")
        browser.get("about:blank")
        severe(browser)
        browser.get(address + state)
        wait(browser, "document.documentElement.dataset.ready")
        wait(browser, "document.documentElement.dataset.looked")

    yield open_page
    assert severe(browser) == []


# Corners of the strokes, in pixels of the canvas of 280.
STROKES = {
    2: [(80, 90), (100, 60), (150, 45), (195, 70), (195, 115), (150, 165), (80, 230), (210, 230)],
    5: [(200, 50), (105, 50), (95, 125), (150, 112), (200, 145), (195, 205), (140, 235), (85, 215)],
    7: [(70, 60), (205, 60), (170, 120), (130, 240)],
}


def test_drawing(opened, browser):
    from selenium.webdriver import ActionChains

    opened()
    ink = element(browser, "#ink")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", ink)
    scale = ink.size["width"] / 280
    for digit, corners in STROKES.items():
        looked_after(browser, element(browser, "#clear").click)
        assert element(browser, "#paper-says").text == english()["draw.nothing"]
        at = [(round((x - 140) * scale), round((y - 140) * scale)) for x, y in corners]
        actions = ActionChains(browser, duration=20)
        actions.move_to_element_with_offset(ink, *at[0]).click_and_hold()
        for (x0, y0), (x1, y1) in pairwise(at):
            actions.move_by_offset(x1 - x0, y1 - y0)
        looked_after(browser, actions.release().perform)
        wait(browser, f"document.getElementById('paper-says').textContent === '{digit}'", 10)
        wait(browser, f"document.getElementById('useful-says').textContent === '{digit}'", 10)


def shown(browser, selector):
    """Set pixels of a canvas of bits, by the colours of the page."""
    data, width = browser.execute_script(
        """const c = document.querySelector(arguments[0]);
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        return [Array.from(d).filter((_, i) => i % 4 === 0), c.width];""",
        selector,
    )
    return np.reshape(data, (-1, width))


def test_bits_are_those_of_python(opened, browser, mnist):
    opened("#draw?depth=5")
    X = mnist.X_test[:10]
    rows = [bits.to_array() for bits in StepNetwork(784, layers=5, seed=0).propagate_all(X)]
    maps = StepNetwork(784, stages=[Conv2D(64, 7, fan_in=4)], input_shape=(28, 28, 1))
    units = maps.propagate(randprop.BitMatrix.from_array((X > 63).astype(np.uint8))).to_array()
    units = units.reshape(10, 22, 22, 64)
    for s in range(10):
        if s:
            looked_after(browser, element(browser, "#next").click)
            wait(browser, f"document.getElementById('example').value === '{s}'")
        for m, bits in enumerate(rows):
            red = shown(browser, f"#stages li:nth-child({m + 1}) canvas")
            assert set(np.unique(red)) == {0x1B, 0xF3}
            np.testing.assert_array_equal((red == 0x1B).ravel(), bits[s])
        red = shown(browser, "#maps")
        for c in range(16):
            y, x = 23 * (c // 8), 23 * (c % 8)
            found = red[y : y + 22, x : x + 22] == 0x1B
            np.testing.assert_array_equal(found, units[s, :, :, c])


def test_flipped_pixel(served, browser, mnist):
    from selenium.webdriver.common.keys import Keys

    served("#draw?depth=3")
    grid = element(browser, "#pixels")
    looked_after(browser, lambda: grid.send_keys(Keys.ARROW_LEFT, Keys.ARROW_UP, Keys.ENTER))
    x = mnist.X_test[:1].copy()
    x[0, 13 * 28 + 13] = 255 - x[0, 13 * 28 + 13]
    network = StepNetwork(784, layers=3)
    for m, (a, b) in enumerate(
        zip(network.propagate_all(x), network.propagate_all(mnist.X_test[:1]), strict=True)
    ):
        changed = int(np.count_nonzero(a.to_array() != b.to_array()))
        caption = element(browser, f"#stages li:nth-child({m + 1}) figcaption").text
        assert f"{changed} of 784 bits changed" in caption
    looked_after(browser, element(browser, "#unflip").click)
    assert "bits set" in element(browser, "#stages li figcaption").text


@pytest.fixture(scope="module")
def accuracies():
    results = randprop.evaluate(range(16))
    return [f"{result.accuracy:.4f}" for result in results]


def test_accuracy_on_all_of_mnist(opened, browser, folder, accuracies):
    opened("#paper?data=all&layers=15")
    if opened.is_file:
        element(browser, "#start").click()
        wait(browser, "!document.getElementById('choose').hidden")
        element(browser, "#file").send_keys(str(folder / DATA_FILE))
        wait(browser, "document.getElementById('choose').hidden")
    element(browser, "#start").click()
    wait(browser, "document.documentElement.dataset.busy === '0'")
    assert "on 70000 images" in element(browser, "#status").text
    table = browser.execute_script(
        "return [...document.querySelectorAll('#numbers tr')].map(r => r.cells[1].textContent)"
    )
    assert table[1:] == accuracies
    assert (table[1], table[2], table[4], table[16]) == ("0.8141", "0.7990", "0.6450", "0.1024")


def test_wrong_file(browser, folder, tmp_path):
    browser.get("about:blank")
    browser.get((folder / "demo.html").as_uri() + "#paper?data=all")
    wait(browser, "document.documentElement.dataset.ready")
    element(browser, "#start").click()
    wait(browser, "!document.getElementById('choose').hidden")
    other = tmp_path / "other.gz"
    other.write_bytes(b"no gzip")
    element(browser, "#file").send_keys(str(other))
    wait(browser, "document.getElementById('status').textContent.startsWith('This file is not')")
    assert element(browser, "#start").is_enabled()


def test_stop(served, browser):
    served("#paper?data=all&layers=15&width=1568")
    element(browser, "#start").click()
    wait(browser, "document.getElementById('progress').value > 0.01")
    begun = time.monotonic()
    element(browser, "#stop").click()
    wait(browser, "document.documentElement.dataset.busy === '0'")
    assert time.monotonic() - begun < 10
    assert element(browser, "#status").text == "Stopped."
    # What comes next is not stopped.
    served("#paper?layers=0")
    element(browser, "#start").click()
    wait(browser, "document.documentElement.dataset.busy === '0'")
    assert "0 hidden layers on 9000 images" in element(browser, "#status").text


def test_other_readouts_and_settings(served, browser, mnist):
    state = "layers=2&width=196&bits=2&activation=sign&seed=7&readouts=centroids,ridge,neighbors"
    served(f"#paper?{state}")
    element(browser, "#start").click()
    wait(browser, "document.documentElement.dataset.busy === '0'")
    rows = browser.execute_script(
        "return [...document.querySelectorAll('#numbers tr')].map(r =>"
        " [...r.cells].slice(1).map(c => c.textContent))"
    )
    inside = (mnist.X_train[:N_TRAIN], mnist.y_train[:N_TRAIN], mnist.X_test[:1000],
              mnist.y_test[:1000])  # fmt: skip
    for column, readout in enumerate(("centroid", randprop.RidgeReadout(alpha=0.01), "knn")):
        results = randprop.evaluate(
            range(3), dataset=inside, width=196, weight_bits=2, activation="sign", seed=7,
            readout=readout,
        )  # fmt: skip
        found = [float(row[column]) for row in rows[1:]]
        # Ridge is solved in floating point by another order of additions.
        np.testing.assert_allclose(
            found, [r.accuracy for r in results], atol=0.0021 if column == 1 else 1e-9
        )


def test_address_brings_settings_back(opened, browser):
    state = (
        "#paper?layers=4&width=392&bits=4&inputs=8&activation=sign&seed=12&readouts=ridge,neighbors"
        "&depth=1&example=17&channels=64&units=64&theme=dark"
    )
    opened(state)

    def value(selector):
        return element(browser, selector).get_attribute("value")

    def output(name):
        return element(browser, f'output[for="{name}"]').text

    shown = [output(name) for name in ("layers", "width", "bits", "inputs", "depth", "channels")]
    assert shown == ["4", "392", "4", "8", "1", "64"]
    assert output("units") == "64"
    assert [value(f"#{name}") for name in ("activation", "seed", "example", "theme")] == [
        "sign", "12", "17", "dark",
    ]  # fmt: skip
    boxes = browser.execute_script(
        "return [...document.querySelectorAll('[name=readout]')].filter(b => b.checked)"
        ".map(b => b.value)"
    )
    assert boxes == ["ridge", "neighbors"]
    assert browser.execute_script("return location.hash") == state
    element(browser, "#reset").click()
    assert browser.execute_script("return location.hash") == (
        "#paper?depth=1&example=17&channels=64&units=64&theme=dark"
    )


def test_nonsense_in_the_address(served, browser):
    served("#nowhere?layers=99&width=x&seed=-1&readouts=magic&depth=&example=5000&more=1")
    assert element(browser, 'output[for="layers"]').text == "15"
    assert element(browser, "#seed").get_attribute("value") == "0"
    assert element(browser, "#example").get_attribute("value") == "0"


def test_keyboard_alone(served, browser):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    served()
    reached = []
    for _ in range(80):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        reached.append(browser.switch_to.active_element.get_attribute("id"))
    controls = browser.execute_script(
        "return [...document.querySelectorAll('button:enabled, input, select, canvas[tabindex]')]"
        ".filter(e => e.offsetParent !== null && !['radio', 'checkbox'].includes(e.type))"
        ".map(e => e.id)"
    )
    assert set(controls) <= set(reached)
    ink = element(browser, "#ink")
    ink.send_keys(Keys.DELETE)
    # A one: down the middle.
    looked_after(
        browser,
        lambda: ink.send_keys(
            *[Keys.ARROW_UP] * 9, Keys.SPACE, *[Keys.ARROW_DOWN] * 18, Keys.SPACE
        ),
    )
    wait(browser, "document.getElementById('useful-says').textContent === '1'", 10)
    element(browser, "#layers").send_keys(Keys.HOME)
    element(browser, "#start").send_keys(Keys.ENTER)
    wait(browser, "document.getElementById('status').textContent.includes('9000 images')")


def test_ladder(served, browser, mnist):
    served("#useful?channels=64")
    element(browser, "#climb").click()
    wait(browser, "document.documentElement.dataset.busy === '0'")
    found = browser.execute_script(
        "return [...document.querySelectorAll('#ladder tbody tr')].map(r =>"
        " [r.cells[1].textContent, r.querySelector('.share').textContent])"
    )
    inside = (mnist.X_train[:N_TRAIN], mnist.y_train[:N_TRAIN], mnist.X_test[:1000],
              mnist.y_test[:1000])  # fmt: skip
    counts = Conv2D(64, 7, fan_in=4, pool=2)
    steps = [
        (784, {"layers": 0}),
        (15488, {"stages": [Conv2D(32, 7)], "readout": "centroid"}),
        (15488, {"stages": [Conv2D(32, 7, fan_in=4)], "readout": "centroid"}),
        (256, {"stages": [counts], "readout": "centroid"}),
        (256, {"stages": [counts], "readout": randprop.DiscriminantReadout(alpha=0.01)}),
    ]
    for (features, share), (width, options) in zip(found, steps, strict=True):
        if "stages" in options:
            options |= {"scaling": "binary", "input_shape": (28, 28, 1)}
        assert int(features) == width
        expected = randprop.evaluate(dataset=inside, **options).accuracy
        assert float(share) == pytest.approx(expected, abs=0.0021 if width == 256 else 0.0006)
    assert float(found[-1][1]) > 0.95


def downloaded(browser, name):
    path = browser.downloads / name
    path.unlink(missing_ok=True)

    def has_come():
        return path.exists() and not list(browser.downloads.glob("*.crdownload"))

    end = time.monotonic() + 60
    yield
    while not has_come():
        assert time.monotonic() < end
        time.sleep(0.02)
    yield path


def test_file_of_class_means_is_that_of_python(served, browser, mnist, tmp_path):
    served("#device?depth=2&width=196&bits=4&seed=3")
    download = downloaded(browser, "paper.safetensors")
    next(download)
    element(browser, "#means-file").click()
    path = next(download)
    classifier = randprop.StepClassifier(layers=2, width=196, weight_bits=4, random_state=3)
    classifier.fit(mnist.X_train[:N_TRAIN], mnist.y_train[:N_TRAIN])
    randprop.save(classifier, tmp_path / "own.safetensors")
    assert path.read_bytes() == (tmp_path / "own.safetensors").read_bytes()


def test_file_of_discriminant(served, browser, mnist, tmp_path):
    served("#device?units=32")
    element(browser, "#fit").click()
    wait(browser, "!document.getElementById('download').disabled")
    download = downloaded(browser, "digits.safetensors")
    next(download)
    element(browser, "#download").click()
    path = next(download)
    model = randprop.load(path)
    own = randprop.StepClassifier(
        stages=[Conv2D(32, 7, fan_in=4, pool=2)], scaling="binary", input_shape=(28, 28, 1),
        readout="discriminant", alpha=0.01,
    ).fit(mnist.X_train[:N_TRAIN], mnist.y_train[:N_TRAIN])  # fmt: skip
    assert model.network == own.model_.network
    np.testing.assert_allclose(model.readout.coef_, own.model_.readout.coef_, rtol=1e-6, atol=1e-9)
    labels = model.predict(mnist.X_test)
    np.testing.assert_array_equal(labels, own.predict(mnist.X_test))
    program = os.environ.get("RANDPROP_REQUIRE_CLASSIFY")
    if program:  # C++ without Python
        rows = "\n".join(" ".join(map(str, row)) for row in mnist.X_test[:50].tolist())
        said = subprocess.run(
            [program, path], input=rows, capture_output=True, text=True, check=True
        ).stdout
        assert said.split() == [str(label) for label in labels[:50]]
    # The integers that both were solved from.
    sums = browser.execute_async_script(
        """const done = arguments[0];
        const source = document.getElementById('work').textContent;
        const worker = new Worker(URL.createObjectURL(new Blob([source])));
        const inflate = async (id) => new Uint8Array(await new Response(new Blob([Uint8Array.from(
          atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0))])
          .stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer());
        const ask = (message) => new Promise((resolve) => {
          worker.onmessage = ({data}) => data.part || resolve(data.done);
          worker.postMessage(message);
        });
        (async () => {
          await ask({what: 'start', job: 1, wasm: await inflate('wasm')});
          const all = await inflate('digits');
          const n = 8000;
          const train = {n, y: all.subarray(8, 8 + n), x: all.subarray(8 + n, 8 + 785 * n)};
          const test = {n: 1, y: train.y.subarray(0, 1), x: train.x.subarray(0, 784)};
          await ask({what: 'data', job: 2, name: 'inside', train, test});
          const settings = {kind: 'patches', channels: 32, few: true, counts: true, seed: 0};
          await ask({what: 'accuracy', job: 3, settings, kind: 'discriminant', data: 'inside',
            all: false, keep: 'k'});
          done(await ask({what: 'sums', job: 4, name: 'k'}));
        })();"""
    )
    counts, gram = (np.array(sums[name].split(), dtype=np.int64) for name in ("counts", "gram"))
    readout = own.model_.readout
    np.testing.assert_array_equal(counts.reshape(10, 128), readout.counts_)
    np.testing.assert_array_equal(gram.reshape(128, 128), readout.gram_)


def test_own_picture(served, browser, mnist, tmp_path):
    from PIL import Image

    served()
    dark = 255 - np.kron(mnist.X_test[0].reshape(28, 28), np.ones((8, 8), np.uint8))
    Image.fromarray(np.pad(dark, 40, constant_values=255)).save(tmp_path / "seven.png")
    looked_after(
        browser, lambda: element(browser, "#picture").send_keys(str(tmp_path / "seven.png"))
    )
    assert element(browser, "#drawn").text == "Dark ink on light paper: inverted."
    wait(browser, "document.getElementById('useful-says').textContent === '7'", 10)
    (tmp_path / "none.png").write_text("no picture")
    element(browser, "#picture").send_keys(str(tmp_path / "none.png"))
    wait(browser, "document.getElementById('drawn').textContent.startsWith('This file is no')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280, 3840])
def test_accessible_and_never_wider_than_the_window(served, browser, width, scheme):
    from axe_core_python.selenium import Axe

    served()
    emulate(browser, width, scheme)
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    overflow = browser.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert overflow <= 0
    found = Axe().run(browser)
    assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == []
