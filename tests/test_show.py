"""Pictures: they show the numbers that are there, and refuse what they cannot show."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import randprop
from randprop import BinaryScaling, Centroids, Conv1D, Conv2D, Dense, Model, StepNetwork, show

plt = pytest.importorskip("matplotlib.pyplot")
to_rgba = pytest.importorskip("matplotlib.colors").to_rgba


@pytest.fixture(scope="module")
def digits():
    return randprop.datasets.load_digits()


@pytest.fixture(scope="module")
def model(digits):
    X, y, _, _ = digits
    scaling = BinaryScaling(7)
    network = StepNetwork(
        64, stages=[Conv2D(5, 3, fan_in=4, pool=2), Dense(30)], input_shape=(8, 8, 1)
    )
    readout = Centroids().fit(network.propagate(scaling.transform(X)), y)
    return Model(network, readout, scaling=scaling)


def shown(ax):
    """Pixels of the picture of some axes, without the gaps."""
    values = np.ma.filled(ax.images[0].get_array().astype(float), np.nan)
    return values[~np.isnan(values)]


def test_bits_are_those_of_every_stage(model, digits):
    x = digits[2][3]
    figure = show.bits(model, x)
    read = model.scaling.transform(x[None])
    counts, bits = model.network.propagate_all(read)
    image, maps, dense, scores = figure.axes
    np.testing.assert_array_equal(shown(image).reshape(8, 8), x.reshape(8, 8) > 7)
    assert sorted(shown(maps)) == sorted(counts[0])
    np.testing.assert_array_equal(shown(dense), bits.to_array()[0])
    assert maps.get_title() == "layer 1: Conv2D\n2 x 2 x 5 counts"
    assert dense.get_title() == "layer 2: Dense\n30 bits"
    label = model.predict(x[None])[0]
    assert scores.get_title() == f"scores\n{label} is first"
    widths = [bar.get_width() for bar in scores.patches]
    assert max(widths) == 0
    expected = model.readout.scores(bits)[0]
    np.testing.assert_allclose(widths, expected - expected.max())
    # A network alone, a series, an image as it is.
    series = StepNetwork(40, stages=[Conv1D(3, 4, fan_in=2)], input_shape=(20, 2))
    first, second = show.bits(series, np.arange(40)).axes
    np.testing.assert_array_equal(shown(first).reshape(2, 20), np.arange(40).reshape(20, 2).T)
    assert len(shown(second)) == 17 * 3
    assert len(show.bits(model, x.reshape(8, 8), classes=list("abcdefghij")).axes) == 4


def test_a_channel_is_one_map(model, digits):
    """Where one channel alone has a set bit, one map of the montage has it."""
    maps = show.bits(model, digits[2][3]).axes[1].images[0].get_array()
    counts = model.network.propagate_all(model.scaling.transform(digits[2][3:4]))[0][0]
    np.testing.assert_array_equal(maps[:2, :2], counts.reshape(2, 2, 5)[..., 0])
    np.testing.assert_array_equal(maps[:2, 3:5], counts.reshape(2, 2, 5)[..., 1])


def test_weights_are_the_networks(model):
    ax = show.weights(model, 0, n=4)
    expected = model.network.weights(0)[:4]
    assert sorted(shown(ax)) == sorted(expected.ravel())
    assert ax.get_title() == "4 of 5 units of stage 0"
    dense = shown(show.weights(model, 1, n=3))
    assert sorted(dense) == sorted(model.network.weights(1)[:3].ravel())
    series = StepNetwork(40, stages=[Conv1D(3, 4, fan_in=2)], input_shape=(20, 2))
    assert len(shown(show.weights(series))) == 3 * 8


def test_flips_are_the_bits_that_change(model, digits):
    x = digits[2][0].copy()
    figure = show.flips(model, x, 27)
    turned = x.copy()
    turned[27] = 0 if x[27] > 7 else 16
    before, after = (
        model.network.propagate_all(model.scaling.transform(v[None])) for v in (x, turned)
    )
    changed = before[1].to_array()[0] != after[1].to_array()[0]
    np.testing.assert_array_equal(shown(figure.axes[2]), changed)
    assert figure.axes[2].get_title() == f"layer 2: Dense\n{changed.mean():.1%} of bits change"
    assert figure.axes[1].get_title().endswith("% of counts change")
    (mark,) = figure.axes[0].lines
    assert [*mark.get_xdata(), *mark.get_ydata()] == [27 % 8, 27 // 8]
    assert show.flips(model, x).axes[0].get_title() == "pixel 36\ninverted"  # row 4, column 4
    plain = StepNetwork(20, width=8)
    assert show.flips(plain, np.arange(20)).axes[0].get_title() == "feature 10\ninverted"


def test_class_means_scores_and_confusion(digits):
    X, y, X_test, y_test = digits
    means = Centroids().fit(X, y)
    figure = show.class_means(means, (8, 8))
    assert [ax.get_title() for ax in figure.axes] == [str(name) for name in range(10)]
    np.testing.assert_allclose(shown(figure.axes[4]), X[y == 4].mean(axis=0))
    assert len(show.class_means(np.eye(3), classes=["a", "b", "c"]).axes) == 3
    scores = means.scores(X_test)
    ax = show.scores(scores, y_test)
    right = (scores.argmax(axis=1) == y_test).mean()
    assert ax.get_title() == f"{right:.1%} right"
    wrong = sum(bar.get_height() for bar in ax.patches if bar.get_x() + bar.get_width() / 2 < 0)
    assert wrong == round((1 - right) * len(y_test))
    result = randprop.evaluate(layers=0, dataset="digits")
    ax = show.confusion(result)
    assert [int(text.get_text()) for text in ax.texts] == result.confusion_matrix.ravel().tolist()
    assert [text.get_text() for text in ax.get_yticklabels()] == [str(i) for i in range(10)]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")
    assert not show.confusion(np.eye(30)).texts


def whole_ticks(ax):
    low, high = ax.get_xlim()
    return [tick for tick in ax.get_xticks().tolist() if low <= tick <= high]


def luminance(colour):
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3])
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(first, second):
    """Of WCAG 2: 3 is what graphics need to be seen."""
    low, high = sorted([luminance(to_rgba(first)), luminance(to_rgba(second))])
    return (high + 0.05) / (low + 0.05)


# What each kind of missing cone leaves of linear red, green and blue: Machado, Oliveira and
# Fernandes (2009), table 1, severity 1.
CONES = {
    "all": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                 [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def lab(colour, cones):
    """CIELAB of a colour as eyes with these cones see it."""
    c = np.array(to_rgba(colour)[:3])
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(cones) @ linear, 0, 1)
    xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]] @ seen
    x, y, z = np.cbrt(xyz / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def drawn_in(style):
    """One picture of each kind in a style of matplotlib, with what they show."""
    with plt.style.context(style):
        X, y, X_test, y_test = randprop.datasets.load_digits()
        means = Centroids().fit(X, y)
        results = randprop.evaluate(layers=[0, 1, 2], dataset="digits")
        network = StepNetwork(64, stages=[Dense(9)])
        found = {
            "depth": results.plot(),
            "variance": results.plot("variance_units"),
            "confusion": results[1].plot(),
            "scores": show.scores(means.scores(X_test), y_test),
            "weights": show.weights(network),
            "bits": show.bits(Model(network, Centroids().fit(network.propagate(X), y)), X[0]).axes,
            "flips": show.flips(network, X[0]).axes,
            "means": show.class_means(means, (8, 8)).axes,
        }
        for ax in [v if not isinstance(v, list) else v[0] for v in found.values()]:
            ax.figure.canvas.draw()
        return found


@pytest.mark.parametrize("style", ["default", "dark_background", "ggplot", "Solarize_Light2"])
def test_pictures_are_seen_on_the_ground_of_a_style(style):
    found = drawn_in(style)
    for name, shown in found.items():
        for ax in shown if isinstance(shown, list) else [shown]:
            ground = ax.figure.get_facecolor()
            # The texts and their ground are the style's.
            for text in (ax.title, ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels()):
                if text.get_text():
                    assert contrast(text.get_color(), ground) > 3, (name, text)
            if ax.images:
                assert not any(line.get_visible() for line in ax.get_xgridlines()), name
    ax = found["depth"]
    for line in ax.lines:
        assert contrast(line.get_color(), ax.get_facecolor()) > 3, line
    for bar in found["scores"].patches:
        assert contrast(bar.get_facecolor(), found["scores"].get_facecolor()) > 3
    for text in found["confusion"].texts:
        (cell,) = found["confusion"].images
        i, j = (int(v) for v in text.get_position()[::-1])
        assert contrast(text.get_color(), cell.cmap(cell.norm(cell.get_array()[i, j]))) > 4.5
    # What is 0 looks like the ground, and what is most stands out of it.
    empty, full = (found["bits"][0].images[0].cmap(v) for v in (0.0, 1.0))
    dark = luminance(to_rgba(ground)) < 0.18
    assert luminance(empty) == (0 if dark else 1)
    assert contrast(empty, full) == pytest.approx(21)


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_lines_are_told_apart_by_everybody(style):
    result = randprop.sweep([0, 1], dataset="digits", width=[8, 9, 10, 11, 12, 13], seeds=1)
    with plt.style.context(style):
        lines = result.plot().lines[:6]
    assert [line.get_label() for line in lines] == ["8", "9", "10", "11", "12", "13"]
    looks = {(line.get_color(), line.get_linestyle()) for line in lines}
    assert len(looks) == 6
    colours = sorted({line.get_color() for line in lines})
    assert all(contrast(colour, lines[0].axes.get_facecolor()) > 3 for colour in colours)
    for cones in CONES.values():
        for i, first in enumerate(colours):
            for second in colours[:i]:
                assert np.linalg.norm(lab(first, cones) - lab(second, cones)) > 25


def test_a_picture_stands_on_its_own_axes():
    """The ground is that of the axes given, whatever the style."""
    figure, (light, dark) = plt.subplots(1, 2)
    dark.set_facecolor("black")
    results = randprop.evaluate(layers=[0, 1], dataset="digits")
    blue = [results.plot(ax=ax).lines[0].get_color() for ax in (light, dark)]
    assert blue[0] != blue[1]
    figure.set_facecolor("black")
    dark.set_facecolor("none")
    dark.clear()
    dark.set_facecolor("none")
    assert results.plot(ax=dark).lines[0].get_color() == blue[1]


def test_pictures_are_a_column_wide_unless_a_style_says_otherwise(digits):
    results = randprop.evaluate(layers=[0, 1], dataset="digits")
    assert results.plot().figure.get_size_inches()[0] <= 4.1
    with plt.rc_context({"figure.figsize": (7, 2)}):
        assert results.plot().figure.get_size_inches().tolist() == [7, 2]
    network = StepNetwork(64, layers=4)
    figure = show.bits(network, digits[0][0])
    assert figure.get_size_inches()[0] < 5.3
    rows = {round(ax.get_position().y0, 2) for ax in figure.axes}
    assert len(figure.axes) == 6
    assert len(rows) == 2


def test_a_sweep_has_chance_and_the_features_where_they_are_one():
    X, y, X_test, y_test = randprop.datasets.load_digits()
    two = [
        part[labels < 2] for part, labels in ((X, y), (y, y), (X_test, y_test), (y_test, y_test))
    ]
    result = randprop.sweep(range(13), dataset=tuple(two), width=[20, 30], seeds=2)
    ax = result.plot()
    *_, features, chance = ax.lines
    assert features.get_ydata()[0] == result.rows[0]["baseline_accuracy"]
    assert chance.get_ydata()[0] == 0.5
    assert ax.get_legend().get_title().get_text() == "width"
    assert whole_ticks(ax) == [0, 2, 4, 6, 8, 10, 12]
    assert result.where(width=20).plot().lines[-1].get_ydata()[0] == 0.5
    # The same again: no second name for either.
    result.where(width=20).plot(ax=ax)
    named = [text.get_text() for text in ax.get_legend().get_texts()]
    assert named.count("chance") == 1
    assert "network" in named
    # Data sets of other features: no line stands for both.
    rows = [dict(row, baseline_accuracy=0.1 * row["width"]) for row in result.rows]
    assert "chance" not in randprop.SweepResult(rows).plot().get_legend_handles_labels()[1]
    assert len(randprop.SweepResult(rows).plot().lines) == 2


def test_a_legend_covers_no_line_and_no_band(digits):
    """Four lines that begin high, and one across: only beneath the axes is there room."""
    result = randprop.sweep([0, 1, 2, 4, 8], dataset="digits", width=[64, 512], seeds=2)
    few = randprop.evaluate(layers=range(0, 16, 3), dataset="digits", width=32)
    inside = []
    for found in (result, few):
        ax = found.plot()
        ax.figure.canvas.draw()
        box = ax.get_legend().get_window_extent()
        for line in ax.lines:  # points close together, since a line is not its ends
            x, y = line.get_transform().transform(line.get_path().interpolated(200).vertices).T
            assert not np.any((x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1))
        inside.append(box.y0 > ax.get_window_extent().y0)
    assert inside == [False, True]


def test_variances_have_powers_only_where_they_span_them():
    results = randprop.evaluate(layers=[0, 1, 2], dataset="digits")
    ax = results.plot("variance_units")
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim()[0] == 0
    assert ax.get_legend() is None
    means = randprop.evaluate(layers=range(0, 30, 6), dataset="digits")
    drawn = [r.variance_class_means for r in means]
    powers = 10 * min(drawn) < max(drawn)
    assert (means.plot("variance_class_means").get_yscale() == "log") == powers
    assert powers


def test_depth_has_chance_and_the_features(digits):
    results = [
        randprop.evaluate(layers=layers, dataset="digits", seed=seed)
        for layers in (0, 2)
        for seed in (0, 1)
    ]
    ax = show.depth(results)
    network, baseline, chance = ax.lines
    np.testing.assert_array_equal(network.get_xdata(), [0, 2])
    np.testing.assert_allclose(
        network.get_ydata(), [np.mean([r.accuracy for r in results[i : i + 2]]) for i in (0, 2)]
    )
    assert baseline.get_ydata()[0] == results[0].baseline_accuracy
    assert chance.get_ydata()[0] == 0.1
    assert whole_ticks(ax) == [0, 1, 2]
    own = plt.subplots()[1]
    assert show.depth(results[0], ax=own) is own


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda m: show.bits(3, np.zeros(64)), TypeError, "network must be a StepNetwork"),
        (lambda m: show.bits(m, np.zeros(63)), ValueError, "one sample of 64 features, got 63"),
        (lambda m: show.bits(m, np.zeros(64), classes=["a", "b"]), ValueError, "must be 10"),
        (lambda m: show.weights(m, 2), ValueError, "m must lie in"),
        (lambda m: show.weights(m, n=0), ValueError, "n must lie in"),
        (lambda m: show.flips(m, np.zeros(64), 64), ValueError, "feature must lie in"),
        (lambda m: show.class_means(np.zeros(3)), ValueError, "means must have shape"),
        (lambda m: show.class_means(np.zeros((2, 6)), (2, 2)), ValueError, "shape must have 6"),
        (lambda m: show.class_means(np.zeros((2, 6)), classes=["a"]), ValueError, "must be 2"),
        (lambda m: show.scores(np.zeros((3, 1)), [0, 0, 0]), ValueError, "values must have shape"),
        (lambda m: show.scores(np.zeros((3, 2)), [0, 0]), ValueError, "labels must have shape"),
        (lambda m: show.scores(np.zeros((2, 2)), [0, 2]), ValueError, "labels must lie in"),
        (lambda m: show.confusion(np.zeros((2, 3))), ValueError, "matrix must be square"),
        (lambda m: show.confusion(np.zeros((2, 2))), ValueError, "at least one in all"),
        (lambda m: show.confusion(np.eye(2), ["a", "b", "c"]), ValueError, "must be 2"),
        (lambda m: show.confusion(np.eye(2), ax=3), TypeError, "ax must be matplotlib axes"),
        (lambda m: show.depth([]), ValueError, "at least one evaluation"),
        (lambda m: show.depth([3]), TypeError, "results must be evaluations"),
    ],
)  # fmt: skip
def test_refuses(model, call, error, text):
    with pytest.raises(error, match=text):
        call(model)


def test_matplotlib_is_imported_when_drawn_and_named_where_it_is_missing():
    code = (
        "import sys, randprop; randprop.show; assert 'matplotlib' not in sys.modules\n"
        "sys.modules['matplotlib'] = None\n"
        "try: randprop.show.confusion([[1]])\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (
        "show.confusion needs matplotlib; install it: pip install 'randprop[plot]'" in done.stdout
    )
