"""The page that runs the core in a browser: its bits, numbers and files are Python's."""

from __future__ import annotations

import json
import os
import re
import subprocess

import numpy as np
import pytest

import randprop
from demo_page import IDLE, N_TEST, N_TRAIN, element, looked_after, wait
from helpers import wait_until
from randprop import Conv2D, Dense, StepNetwork, cli
from randprop.demo import DATA_FILE, demo
from randprop.show.browser import english, packed_sets, page

# --- the file ---


def test_file_stands_alone(demo_folder):
    text = (demo_folder / "demo.html").read_text()
    assert len(text.encode()) <= 2_500_000
    assert re.findall(r'(?:href|src)="([^"#]+)"', text) == ["data:,"]
    assert not re.search(r"\[\[|\]\]\B|\{\{|\}\}", text.split("<script")[0])
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_every_line_of_text_is_used():
    scripts = ("common.mjs", "draw.mjs", "experiments.mjs", "page.mjs")
    sources = "".join(randprop.show.browser._read(name) for name in ("page.html", *scripts))
    for name in english():
        # Of families such as paper.${kind} the source has the beginning.
        family = name.rpartition(".")[0]
        spellings = (f"{{{{{name}}}}}", f'"{name}"', f"`{family}.${{")
        assert any(spelling in sources for spelling in spellings), name


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
    assert "<h1>See [[style]]</h1>" in small_page(text=text | {"title": "See [[style]]"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": None}, "text must have all .* lines of the page, got .*: it lacks 'title'$"),
        ({"draw.title": None, "title": None}, "it lacks 'title' and 1 more$"),
        ({"title": " "}, "text must not be empty, got ' ' for 'title'"),
        ({"more": "x"}, "text has a line 'more' that the page does not have"),
        ({"lang": "de_DE"}, r"text\['lang'\] must be a language such as 'de', got 'de_DE'"),
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
    path.write_text(path.read_text(), encoding="utf-8-sig")  # as editors of Windows do
    assert "<h1>Jedno</h1>" in demo(tmp_path / "page.html", text=path).read_text()
    path.write_text("{")
    with pytest.raises(ValueError, match=r"text must be a JSON file, and .*text\.json is not: "):
        demo(tmp_path / "other.html", text=path)
    path.write_bytes(b'{"\xff": 1}')
    with pytest.raises(ValueError, match=r"text must be a JSON file in UTF-8, .* at byte 2$"):
        demo(tmp_path / "other.html", text=path)
    with pytest.raises(IsADirectoryError, match="text must be a JSON file, and .* is a folder$"):
        demo(tmp_path / "other.html", text=tmp_path)
    with pytest.raises(FileNotFoundError, match="text must be a JSON file, and .* does not exist"):
        demo(tmp_path / "other.html", text=tmp_path / "none.json")
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


def images_inside(mnist):
    return (mnist.X_train[:N_TRAIN], mnist.y_train[:N_TRAIN], mnist.X_test[:N_TEST],
            mnist.y_test[:N_TEST])  # fmt: skip


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


def test_accuracy_on_all_of_mnist(opened, browser, demo_folder, accuracies):
    layers = 3 if opened.is_file else 15  # the same data and code once they are there
    opened(f"#paper?data=all&layers={layers}")
    if opened.is_file:
        element(browser, "#start").click()
        wait(browser, "!document.getElementById('choose').hidden")
        element(browser, "#file").send_keys(str(demo_folder / DATA_FILE))
        wait(browser, "document.getElementById('choose').hidden")
    element(browser, "#start").click()
    wait(browser, IDLE)
    assert "on 70,000 images" in element(browser, "#status").text
    table = browser.execute_script(
        "return [...document.querySelectorAll('#numbers tr')].map(r => r.cells[1].textContent)"
    )
    assert table[1:] == accuracies[: layers + 1]
    assert (table[1], table[2], table[4]) == ("0.8141", "0.7990", "0.6450")
    assert table[-1] == ("0.6450" if opened.is_file else "0.1024")


def test_other_readouts_and_settings(served, browser, mnist):
    state = "layers=2&width=196&bits=2&activation=sign&seed=7&readouts=centroids,ridge,neighbors"
    served(f"#paper?{state}")
    element(browser, "#start").click()
    wait(browser, IDLE)
    rows = browser.execute_script(
        "return [...document.querySelectorAll('#numbers tr')].map(r =>"
        " [...r.cells].slice(1).map(c => c.textContent))"
    )
    inside = images_inside(mnist)
    for column, readout in enumerate(("centroid", randprop.RidgeReadout(alpha=0.01), "knn")):
        results = randprop.evaluate(
            range(3), dataset=inside, width=196, weight_bits=2, activation="sign", seed=7,
            readout=readout,
        )  # fmt: skip
        found = [float(row[column]) for row in rows[1:]]
        np.testing.assert_allclose(found, [r.accuracy for r in results], atol=1e-9)


def test_ladder(served, browser, mnist):
    served("#useful?channels=64")
    element(browser, "#climb").click()
    wait(browser, IDLE)
    found = browser.execute_script(
        "return [...document.querySelectorAll('#ladder tbody tr')].map(r =>"
        " [r.cells[1].textContent, r.querySelector('.share').textContent])"
    )
    inside = images_inside(mnist)
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
        assert features == f"{width:,}"
        expected = randprop.evaluate(dataset=inside, **options).accuracy
        assert share.strip() == f"{expected:.3f}"
    assert float(found[-1][1]) > 0.95


def download(browser, name, button):
    """Press a button, and return the path of the file that comes of it."""
    path = browser.downloads / name
    path.unlink(missing_ok=True)
    element(browser, button).click()
    wait_until(lambda: path.exists() and not list(browser.downloads.glob("*.crdownload")))
    return path


def test_file_of_class_means_is_that_of_python(served, browser, mnist, tmp_path):
    served("#device?depth=2&width=196&bits=4&seed=3")
    path = download(browser, "paper.safetensors", "#means-file")
    classifier = randprop.StepClassifier(layers=2, width=196, weight_bits=4, random_state=3)
    classifier.fit(mnist.X_train[:N_TRAIN], mnist.y_train[:N_TRAIN])
    randprop.save(classifier.model_, tmp_path / "own.safetensors")
    assert path.read_bytes() == (tmp_path / "own.safetensors").read_bytes()


def test_file_of_few_inputs(served, browser, mnist):
    served("#device?depth=1&width=98&bits=1&inputs=4&seed=3")
    model = randprop.load(download(browser, "paper.safetensors", "#means-file"))
    own = StepNetwork(784, stages=[Dense(98, fan_in=4)] * 2, seed=3)
    assert model.network == own
    classifier = randprop.StepClassifier(stages=[Dense(98, fan_in=4)] * 2, random_state=3)
    classifier.fit(mnist.X_train[:N_TRAIN], mnist.y_train[:N_TRAIN])
    np.testing.assert_array_equal(
        model.predict(mnist.X_test[:N_TEST]), classifier.predict(mnist.X_test[:N_TEST])
    )


def test_file_of_discriminant(served, browser, mnist, tmp_path):
    served("#device?units=32")
    element(browser, "#fit").click()
    wait(browser, "!document.getElementById('download').disabled")
    path = download(browser, "digits.safetensors", "#download")
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


@pytest.mark.parametrize("kind", ["ridge", "discriminant"])
def test_sums_are_those_of_python(served, browser, mnist, kind):
    """The integers that a readout is solved from, by the page's worker."""
    served()
    sums = browser.execute_async_script(
        """const [kind, done] = arguments;
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
          await ask({what: 'accuracy', job: 3, settings, kind, data: 'inside', all: false,
            keep: 'k'});
          done(await ask({what: 'sums', job: 4, name: 'k'}));
        })();""",
        kind,
    )
    counts, gram = (np.array(sums[name].split(), dtype=np.int64) for name in ("counts", "gram"))
    network = StepNetwork(
        784, stages=[Conv2D(32, 7, fan_in=4, pool=2)], input_shape=(28, 28, 1)
    )  # fmt: skip
    ink = randprop.BitMatrix.from_array((mnist.X_train[:N_TRAIN] > 63).astype(np.uint8))
    readout = randprop.RidgeReadout() if kind == "ridge" else randprop.DiscriminantReadout()
    readout.fit(network.propagate(ink), mnist.y_train[:N_TRAIN])
    np.testing.assert_array_equal(counts.reshape(10, 128), readout.counts_)
    np.testing.assert_array_equal(gram.reshape(128, 128), readout.gram_)
