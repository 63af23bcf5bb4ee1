"""Scaling: ranges by feature, by channel, levels; found in parts, fixed in models."""

from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from randprop import (
    BinaryScaling,
    BitMatrix,
    Centroids,
    LinearScaling,
    Model,
    Scaling,
    StepNetwork,
    fit_parallel,
)


def refuses(call, error, text):
    with pytest.raises(error, match=text):
        call()


RNG = np.random.default_rng(3)
X = RNG.normal(size=(300, 6)) * [1, 10, 1000, 1e-3, 0, 5] + [0, 1, -2, 3, 7, 0]


def _exact(x: float, low: float, high: float) -> Fraction:
    span = Fraction(high) - Fraction(low) if high > low else Fraction(1)
    return min(max(255 * (Fraction(x) - Fraction(low)) / span, Fraction(0)), Fraction(255))


def test_each_feature_by_its_own_range():
    scaling = Scaling("features").fit(X)
    found = scaling.transform(X)
    for j in range(X.shape[1]):
        low, high = X[:, j].min(), X[:, j].max()
        assert (scaling.fixed_.low[j], scaling.fixed_.high[j]) == (low, high)
        for x, byte in zip(X[:40, j].tolist(), found[:40, j].tolist(), strict=True):
            assert abs(byte - _exact(x, low, high)) <= Fraction(1, 2) + Fraction(1, 10**9)
    assert found[:, 4].tolist() == [0] * 300  # constant


def test_channels_share_a_range():
    images = RNG.integers(-5, 50, (20, 4, 4, 3)).astype(float)
    scaling = Scaling("channels", n_channels=3).fit(images)
    np.testing.assert_array_equal(scaling.fixed_.low, images.min(axis=(0, 1, 2)))
    np.testing.assert_array_equal(scaling.fixed_.high, images.max(axis=(0, 1, 2)))
    low, high = scaling.fixed_.low, scaling.fixed_.high
    expected = np.rint((images - low) * (255.0 / (high - low))).reshape(20, -1)
    np.testing.assert_array_equal(scaling.transform(images), expected)


def test_a_range_leaves_bytes_as_they_come_and_a_level_makes_bits():
    as_bytes = Scaling("range").fit([[0, 9], [200, 3]])
    assert as_bytes.fixed_ == LinearScaling(0, 255)
    assert Scaling("range").fit([[0, 9], [256, 3]]).fixed_ == LinearScaling(0, 256)
    bits = Scaling("binary").fit(np.array([[0, 255], [100, 3]], dtype=np.uint8))
    assert bits.fixed_ == BinaryScaling(63.75)
    found = bits.transform([[63, 64], [0, 255]])
    assert isinstance(found, BitMatrix)
    assert found.to_array().tolist() == [[0, 1], [0, 1]]
    # Of what is 0 and 1 already, the level lies between.
    of_bits = Scaling("binary").fit([[False, True]])
    assert of_bits.transform([[0, 1]]).to_array().tolist() == [[0, 1]]


@pytest.mark.parametrize("level", [-0.5, 0.0, 2.0**53, 2.0**63, -(2.0**63), 1e300])
def test_levels_are_exact_beyond_floats(level):
    values = np.array([[-(2**63), -1, 0, 1, 2**53, 2**53 + 1, 2**63 - 1]])
    found = Scaling("binary", level=level).transform(values).to_array()[0]
    assert found.tolist() == [int(int(x) > Fraction(level)) for x in values[0]]


PARTS = st.lists(st.integers(1, 299), max_size=4, unique=True)


@settings(max_examples=40, deadline=None)
@given(
    cuts=PARTS,
    order=st.randoms(),
    kind=st.sampled_from(["features", "range", "channels", "binary"]),
    trim=st.sampled_from([0.0, 0.01, 0.2]),
)
def test_any_parts_in_any_order_give_the_whole(cuts, order, kind, trim):
    more = {"n_channels": 2} if kind == "channels" else {}
    whole = Scaling(kind, trim=trim, **more).fit(X)
    parts = np.split(X, sorted(cuts))
    order.shuffle(parts)
    one = Scaling(kind, trim=trim, **more)
    other = one.fresh()
    for number, part in enumerate(parts):
        (one if number % 2 else other).partial_fit(part)
    assert one.merge(other) == whole
    np.testing.assert_array_equal(
        np.asarray(one.transform(X).words if kind == "binary" else one.transform(X)),
        np.asarray(whole.transform(X).words if kind == "binary" else whole.transform(X)),
    )


def test_a_few_wild_cells_do_not_move_a_trimmed_range():
    wild = X.copy()
    wild[:3, 0] = 1e30
    wild[3, 0] = -1e30
    plain = Scaling("features").fit(wild).fixed_
    trimmed = Scaling("features", trim=0.02).fit(wild).fixed_
    assert plain.high[0] == 1e30
    assert -4 < trimmed.low[0] < trimmed.high[0] < 4
    # As the definition has it: the (trim n)-th from each end.
    ordered = np.sort(wild, axis=0)
    np.testing.assert_array_equal(trimmed.low, ordered[6])
    np.testing.assert_array_equal(trimmed.high, ordered[-7])


def test_sparse_stays_sparse_where_zeros_stay_zeros():
    dense = np.where(RNG.random((50, 30)) < 0.1, RNG.random((50, 30)), 0.0)
    matrix = sparse.csr_matrix(dense)
    for kind in ("features", "range"):
        scaling = Scaling(kind).fit(matrix)
        assert scaling == Scaling(kind).fit(dense)
        found = scaling.transform(matrix)
        assert sparse.issparse(found)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found.toarray(), scaling.transform(dense))
    shifted = Scaling("range", low=-1, high=1)
    np.testing.assert_array_equal(shifted.transform(matrix), shifted.transform(dense))
    bits = Scaling("binary", level=-0.5).transform(matrix)
    assert bits.to_array().all()
    refuses(
        lambda: Scaling(trim=0.1).fit(matrix), ValueError, "X must be dense where there is a trim"
    )


@pytest.mark.filterwarnings("ignore:.*units never change")
def test_models_hold_a_scaling():
    network = StepNetwork(6, width=90)
    scaling = Scaling("features").fit(X)
    y = np.arange(300) % 3
    readout = Centroids().fit(network.propagate(scaling.transform(X)), y)
    model = Model(network, readout, scaling=scaling)
    assert model.scaling == scaling.fixed_
    assert model.input_range is None
    np.testing.assert_array_equal(model.predict(X), readout.predict(model.propagate(X)))
    parts = fit_parallel(network, X, y, scaling=scaling, chunk_size=70)
    np.testing.assert_array_equal(parts.readout.counts_, readout.counts_)
    assert parts.scaling == model.scaling
    assert pickle.loads(pickle.dumps(model)).scaling == model.scaling
    bits = BinaryScaling(0.5)
    made = Centroids().fit(network.propagate(bits.transform(X)), y)
    np.testing.assert_array_equal(
        Model(network, made, scaling=bits).propagate(X).words,
        network.propagate(BitMatrix.from_array(X > 0.5)).words,
    )
    # What a model holds does not change with what it came of.
    scaling.partial_fit(X * 100)
    assert model.scaling != scaling.fixed_


def test_bad_scalings_are_refused():
    refuses(lambda: Scaling("minmax"), ValueError, "kind must be one of 'range', 'features'")
    refuses(lambda: Scaling(trim=0.5), ValueError, r"trim must lie in \[0, 0.5\), got 0.5")
    refuses(lambda: Scaling("channels"), ValueError, "n_channels is for kind")
    refuses(lambda: Scaling("features", n_channels=3), ValueError, "n_channels is for kind")
    refuses(lambda: Scaling(low=0), ValueError, "low and high must be given together")
    refuses(lambda: Scaling(low=[0, 5], high=[1, 4]), ValueError, "low must be at most high")
    refuses(lambda: Scaling(low=[0, 5], high=1), ValueError, "of the same length")
    refuses(lambda: Scaling("range", level=3), ValueError, 'level is for kind "binary"')
    refuses(lambda: Scaling("binary", level=np.nan), ValueError, "level must be finite")
    refuses(lambda: Scaling().transform(X), ValueError, "scaling is not fitted")
    refuses(lambda: Scaling().fit(X).transform(X[:, :5]), ValueError, "X has 5 features, the")
    refuses(lambda: Scaling().fit(X).partial_fit(X[:, :5]), ValueError, "X has 5 features")
    refuses(
        lambda: Scaling("channels", n_channels=4).fit(X), ValueError, "4 channels cannot divide"
    )
    refuses(lambda: Scaling().fit(X).merge(Scaling("range")), ValueError, "the parameters")
    refuses(lambda: Scaling().merge(3), TypeError, "other must be a Scaling")
    readout = Centroids().fit(BitMatrix.from_array(np.eye(5, dtype=int)), np.arange(5))
    network = StepNetwork(7, width=5)
    refuses(
        lambda: Model(network, readout, scaling=Scaling("features").fit(X)),
        ValueError,
        "scaling has 6 ranges, which do not divide 7 features evenly",
    )
    refuses(
        lambda: Model(network, readout, scaling=BinaryScaling(1), input_range=(0, 1)),
        ValueError,
        "scaling and input_range cannot both be given",
    )
    refuses(lambda: Model(network, readout, scaling="range"), TypeError, "must be a Scaling")


def test_missing_values_are_told_by_column():
    wrong = X.copy()
    wrong[5:8, 2] = np.nan
    refuses(lambda: Scaling().fit(wrong), ValueError, "column 2 has 3 of 300; fill missing")
    wrong[0, 4] = np.inf
    refuses(
        lambda: Scaling().fit(wrong), ValueError, "column 2 has 3 of 300; other such columns: 1"
    )


def test_channels_of_series_stand_before_time():
    series = RNG.normal(size=(30, 3, 20)) * np.array([1, 10, 1000])[:, None]
    found = Scaling("channels", n_channels=3).fit(series)
    np.testing.assert_array_equal(found.fixed_.low, series.min(axis=(0, 2)))
    rows = series.transpose(0, 2, 1).reshape(30, -1)
    np.testing.assert_array_equal(found.transform(series), found.transform(rows))
    refuses(
        lambda: Scaling("channels", n_channels=2).fit(series), ValueError, "X must have 2 channels"
    )


def test_a_trim_takes_a_cell_of_few_samples_too():
    few = np.append(RNG.normal(size=59), 1e9)[:, None]
    assert Scaling("features", trim=0.01).fit(few).fixed_.high[0] < 10
    assert Scaling("features", trim=0.49).fit([[1.0], [2.0]]).fixed_ == LinearScaling(1, 2)
