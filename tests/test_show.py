"""Pictures: they show the numbers that are there, and refuse what they cannot show."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import randprop
from randprop import BinaryScaling, Centroids, Conv1D, Conv2D, Dense, Model, StepNetwork, show

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


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
    assert maps.get_title() == "Conv2D\n2 x 2 x 5 counts"
    assert dense.get_title() == "Dense\n30 bits"
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
    assert figure.axes[2].get_title() == f"Dense\n{changed.mean():.1%} change"
    (mark,) = figure.axes[0].lines
    assert [*mark.get_xdata(), *mark.get_ydata()] == [27 % 8, 27 // 8]
    assert "feature 36" in show.flips(model, x).axes[0].get_title()  # row 4, column 4
    plain = StepNetwork(20, width=8)
    assert "feature 10" in show.flips(plain, np.arange(20)).axes[0].get_title()


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
    assert not show.confusion(np.eye(30)).texts


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
    assert ax.get_xticks().tolist() == [0, 1, 2]
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
        (lambda m: show.class_means(np.zeros((2, 6)), (2, 2)), ValueError, "shape must be that"),
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
