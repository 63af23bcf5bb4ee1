"""Convolutions against the numba reference, at every level and kernel."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import randprop
from helpers import random_bits, random_bytes, readings
from randprop import BitMatrix, Conv2D, StepNetwork, reference


def expected_outputs(network, X):
    """Bits behind every matrix, from the definition."""
    image = network.input_shape
    outputs, x = [], X
    for m, matrix in enumerate(network.matrices):
        if isinstance(matrix, Conv2D):
            n_in = matrix.kernel**2 * image[2]
            w = reference.weights(
                n_in, matrix.channels, layer=m, weight_bits=network.weight_bits, seed=network.seed
            )
            z = reference.convolve(
                x.reshape(-1, *image),
                w,
                kernel=matrix.kernel,
                stride=matrix.stride,
                padding=matrix.padding,
            )
            image = z.shape[1:]
            assert image == matrix.output_shape(x_shape(network, m))
            z = z.reshape(len(X), -1)
        else:
            w = reference.weights(
                x.shape[1], matrix, layer=m, weight_bits=network.weight_bits, seed=network.seed
            )
            z = reference.preactivations(x, w)
        bits = (z > 0).astype(np.uint8)
        outputs.append(bits)
        x = readings(bits, network.activation, first=False)
    return outputs


def x_shape(network, m):
    image = network.input_shape
    for matrix in network.matrices[:m]:
        image = matrix.output_shape(image)
    return image


def check(network, X):
    got = network.propagate_all(X)
    values = X.to_array() if isinstance(X, BitMatrix) else X
    for bits, expected in zip(got, expected_outputs(network, values), strict=True):
        np.testing.assert_array_equal(bits.to_array(), expected)
        BitMatrix(bits.words, bits.n_bits)  # raises where a bit past the last is set
    return got


NETWORKS = [
    ((6, 7, 1), [Conv2D(3, 3, padding=1), Conv2D(70, 2, stride=2), 10]),
    ((5, 5, 3), [Conv2D(5, 5, padding=4), Conv2D(2, 3, stride=2, padding=2), Conv2D(9, 1)]),
    ((9, 4, 2), [Conv2D(64, 3), Conv2D(65, 2, padding=1), Conv2D(1, 3)]),
    ((3, 70, 1), [Conv2D(1, 3, padding=2), Conv2D(4, 3, padding=1), 5]),
]


@pytest.mark.parametrize("activation", ["step", "sign"])
@pytest.mark.parametrize("shape_and_matrices", NETWORKS, ids=["a", "b", "c", "d"])
def test_equals_reference(level, kernel, shape_and_matrices, activation):
    shape, matrices = shape_and_matrices
    n_features = int(np.prod(shape))
    for weight_bits in (1, 4, 8, 24):
        network = StepNetwork(
            n_features,
            len(matrices) - 1,
            width=matrices,
            weight_bits=weight_bits,
            activation=activation,
            seed=2**40 + weight_bits,
            input_shape=shape,
        )
        outputs = check(network, random_bytes(1, 23, n_features))
        # Constant outputs would test nothing.
        assert 0.02 < outputs[0].to_array().mean() < 0.98
        check(network, BitMatrix.from_array(random_bits(2, 9, n_features)))


def test_many_patches_cross_every_block(level):
    network = StepNetwork(
        784, 1, width=[Conv2D(4, 3, padding=1), Conv2D(3, 5, padding=2)], activation="sign",
        weight_bits=2, input_shape=(28, 28, 1),
    )  # fmt: skip
    X = random_bytes(3, 29, 784)
    outputs = check(network, X)
    assert network.propagate(X, n_threads=1) == outputs[-1]
    assert network.propagate(X[:0]).shape == (0, 784 * 3)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_random_shapes(data):
    draw = data.draw
    shape = (draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 5)))
    image, matrices = shape, []
    for _ in range(draw(st.integers(1, 3))):
        kernel = draw(st.integers(1, 4))
        padding = draw(st.integers(0, kernel - 1))
        if kernel > min(image[:2]) + 2 * padding:
            continue
        conv = Conv2D(draw(st.integers(1, 67)), kernel, draw(st.integers(1, 3)), padding)
        matrices.append(conv)
        image = conv.output_shape(image)
    if not matrices:
        return
    n_features = int(np.prod(shape))
    network = StepNetwork(
        n_features,
        len(matrices) - 1,
        width=matrices,
        weight_bits=draw(st.sampled_from([1, 2, 4, 8])),
        activation=draw(st.sampled_from(["step", "sign"])),
        seed=draw(st.integers(0, 2**64 - 1)),
        input_shape=shape,
    )
    check(network, random_bytes(draw(st.integers(0, 99)), draw(st.integers(1, 5)), n_features))


def test_a_kernel_of_the_whole_image_is_a_dense_matrix():
    conv = StepNetwork(75, width=Conv2D(33, 5), seed=9, input_shape=(5, 5, 3))
    X = random_bytes(4, 50, 75)
    assert conv.propagate(X) == StepNetwork(75, width=33, seed=9).propagate(X)


def test_weights_pickle_equality_repr():
    network = StepNetwork(18, 1, width=[Conv2D(2, 2), 4], input_shape=(3, 3, 2), seed=5)
    assert network.widths == (8, 4)
    assert network.matrices == (Conv2D(2, 2), 4)
    np.testing.assert_array_equal(
        network.weights(0), reference.weights(8, 2, layer=0, weight_bits=8, seed=5)
    )
    assert pickle.loads(pickle.dumps(network)) == network
    assert eval(repr(network), {"StepNetwork": StepNetwork, "Conv2D": Conv2D}) == network
    assert network != StepNetwork(18, 1, width=[8, 4], seed=5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 0, "kernel": 3}, r"channels must lie in \[1,"),
        ({"channels": 2, "kernel": 3, "padding": 3}, "padding must be below the kernel, 3, got 3"),
        ({"channels": 2, "kernel": 3, "stride": 0}, r"stride must lie in \[1,"),
    ],
)
def test_bad_convolution(arguments, message):
    with pytest.raises(ValueError, match=message):
        Conv2D(**arguments)
    with pytest.raises(TypeError, match="kernel must be an integer"):
        Conv2D(2, 3.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": Conv2D(2, 3)}, "needs input_shape"),
        ({"width": Conv2D(2, 3), "input_shape": (4, 4)}, r"\(height, width, channels\)"),
        ({"width": Conv2D(2, 3), "input_shape": (4, 4, 2)}, "has 32 features, the network 16"),
        ({"width": Conv2D(2, 5), "input_shape": (4, 4, 1)}, "kernel of 5 does not fit an image"),
        (
            {"layers": 1, "width": [3, Conv2D(2, 3)]},
            r"width\[1\] is a Conv2D and reads an image, but width\[0\] is a Dense",
        ),
        (
            {"layers": 1, "width": [Conv2D(2, 3), Conv2D(2, 3)], "input_shape": (4, 4, 1)},
            r"width\[1\]: a kernel of 3 does not fit an image of 2 x 2",
        ),
    ],
)
def test_bad_networks(arguments, message):
    with pytest.raises(ValueError, match=message):
        StepNetwork(16, **arguments)


def test_evaluate_knows_the_images_of_its_data():
    conv = Conv2D(4, 3, padding=1)
    result = randprop.evaluate(layers=0, width=conv)
    assert result.widths == (3136,)
    assert 0.78 < result.accuracy < 0.86
    X = random_bytes(5, 40, 12)
    data = (X, np.arange(40) % 2, X, np.arange(40) % 2)
    with pytest.raises(ValueError, match="needs input_shape"):
        randprop.evaluate(layers=0, dataset=data, width=conv)
    assert randprop.evaluate(
        layers=0, dataset=data, width=Conv2D(2, 2), input_shape=(2, 3, 2)
    ).widths == (4,)
