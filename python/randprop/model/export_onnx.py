"""A model as ONNX, from features to the label, in exact arithmetic."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import randprop._core as _core
from randprop._extras import need
from randprop._files import write_bytes
from randprop._validation import check_choice, check_path
from randprop.model.fixed_scaling import AS_BYTES, BinaryScaling, FixedScaling, LinearScaling
from randprop.model.mapping import arithmetic_of
from randprop.model.model import HasModel, Model, as_model
from randprop.network.convolutions import Conv1D, Conv2D
from randprop.network.stages import Dense, Shape
from randprop.network.step_network import StepNetwork
from randprop.readouts.base import Readout
from randprop.readouts.centroids import Centroids
from randprop.readouts.quantized import QuantizedReadout

__all__ = ["export_onnx"]

OPSET = 17
_IR_VERSION = 8
_LARGEST_INT32 = 2**31 - 1
_EXACT_FLOAT32 = 2**24
_EXACT_FLOAT64 = 2**53
# A file is one message of Protocol Buffers, less than 2 GB; a little of it is not constants.
_MAX_BYTES = 2**31 - 2**20


def export_onnx(
    model: Model | HasModel, path: str | os.PathLike[str], *, matmul: str = "integer"
) -> None:
    """Write a model with its weights as ONNX (opset 17).

    The input ``X`` has shape (n, n_features). It is uint8 if the model takes integers from 0 to 255
    as they are. Otherwise it is float64, and the graph applies the model's `scaling`, which gives
    bytes or bits. The outputs are ``label`` (n,), ``scores`` (n, n_classes) of float64, where the
    label has the largest score, and ``bits`` (n, n_bits) of uint8. The model's feature names, if it
    has any, are metadata: a JSON list under ``feature_names``.

    Bits and labels are the same as in the library, because preactivations are integers in a type
    that holds them exactly. With `RidgeReadout` and `DiscriminantReadout` the scores are sums of
    float64, which may differ in the last bits.

    Parameters
    ----------
    model : Model or StepClassifier
        A fitted model, with any readout except `HammingNeighbors`.
    path : path-like
        File to write. Each weight takes at least a byte: four matrices of 784 x 784 take 2.5 MB.
    matmul : {"integer", "float"}, default="integer"
        ``"integer"``: MatMulInteger. ``"float"``: MatMul in float32 if that is exact, else in
        float64, for runtimes without integer products. 24-bit weights always use float64.

    Raises
    ------
    ValueError
        If counts or sums do not fit exact arithmetic, weights and tables do not fit 2 GB, or an
        integer label does not fit int64.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import randprop, tempfile, os
    >>> X_train, y_train, X_test, y_test = randprop.datasets.load_digits()
    >>> classifier = randprop.StepClassifier(width=128).fit(X_train, y_train)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     randprop.export_onnx(classifier, os.path.join(folder, "digits.onnx"))
    ...     os.listdir(folder)
    ['digits.onnx']
    """
    onnx = need("onnx", "export_onnx")
    check_choice("matmul", matmul, ("integer", "float"))
    fitted, target = as_model(model), check_path("path", path)
    scores_of = _linear_scores if fitted.readout.linear else _SCORES.get(fitted.readout.kind)
    if scores_of is None:
        raise TypeError(
            f"model.readout cannot be exported to ONNX, got a {type(fitted.readout).__name__}; "
            "use Centroids, RidgeReadout, DiscriminantReadout or QuantizedReadout"
        )
    graph = _Graph()
    x = _mapped(graph, fitted.scaling, fitted.network.n_features)
    most = 1 if fitted.scaling.gives_bits else 255
    bits = _network(graph, fitted.network, x, most, matmul == "integer")
    behind = "counts" if fitted.network.gives_bytes else "bits"
    graph.node("Identity", bits, to=behind)
    scores = scores_of(graph, fitted.readout, bits)
    graph.node("Identity", scores, to="scores")
    best = graph.node("ArgMax", scores, axis=1, keepdims=0, select_last_index=0)
    classes = fitted.classes_
    graph.node("Gather", graph.constant(_labels(classes)), best, to="label")

    network, types = fitted.network, onnx.TensorProto
    as_is = fitted.scaling == AS_BYTES
    kinds = {"O": types.STRING, "f": types.DOUBLE, "b": types.BOOL}
    label_type = kinds.get(_labels(classes).dtype.kind, types.INT64)
    value = onnx.helper.make_tensor_value_info
    proto = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "randprop",
            [value("X", types.UINT8 if as_is else types.DOUBLE, ["n", network.n_features])],
            [
                value("label", label_type, ["n"]),
                value("scores", types.DOUBLE, ["n", len(classes)]),
                value(behind, types.UINT8, ["n", network.widths[-1]]),
            ],
            graph.constants,
        ),
        producer_name="randprop",
        producer_version=_core.__version__,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
    )
    if fitted.feature_names is not None:
        names = json.dumps(fitted.feature_names)
        onnx.helper.set_model_props(proto, {"feature_names": names})
    onnx.checker.check_model(proto, full_check=True)
    write_bytes(target, proto.SerializeToString(deterministic=True))


class _Graph:
    """Nodes and constants, each value under a name of its own."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._n_bytes = 0

    def node(self, op: str, *inputs: str, to: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = to or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any, dtype: Any = None) -> str:
        from onnx import numpy_helper

        array = np.asarray(values, dtype=dtype)
        self._n_bytes += array.nbytes
        if self._n_bytes > _MAX_BYTES:
            raise ValueError(
                f"the model's weights and tables take more than {_MAX_BYTES:,} bytes, which one "
                "ONNX file does not hold; use fewer or narrower matrices"
            )
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def cast(self, value: str, dtype: Any) -> str:
        from onnx import helper

        name = f"v{len(self.nodes)}"
        to = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.nodes.append(helper.make_node("Cast", [value], [name], to=to))
        return name


def _mapped(graph: _Graph, scaling: FixedScaling, n_features: int) -> str:
    """Features as bytes, by the operations of `map_block`, or as bytes of 0 and 1."""
    if scaling == AS_BYTES:
        return "X"
    if type(scaling) is BinaryScaling:
        level = graph.constant(scaling.level, np.float64)
        return graph.cast(graph.node("Greater", "X", level), np.uint8)
    if type(scaling) is not LinearScaling:
        raise TypeError(
            f"model.scaling is a {type(scaling).__name__}, which cannot be exported to ONNX"
        )
    units, low, scale = (
        numbers[0] if scaling.n_groups == 1 else np.tile(numbers, n_features // scaling.n_groups)
        for numbers in arithmetic_of(scaling.low, scaling.high)
    )
    x = "X" if (units == 1.0).all() else graph.node("Mul", "X", graph.constant(units, np.float64))
    moved = graph.node("Sub", x, graph.constant(low, np.float64))
    scaled = graph.node("Mul", moved, graph.constant(scale, np.float64))
    ends = graph.constant(0.0, np.float64), graph.constant(255.0, np.float64)
    # Rounds half to even, as NumPy does.
    return graph.cast(graph.node("Round", graph.node("Clip", scaled, *ends)), np.uint8)


def _network(graph: _Graph, network: StepNetwork, x: str, most: int, integer: bool) -> str:
    """Return what the last stage puts out, of features of [0, most]."""
    signs = False  # the first stage reads bits as 0 and 1
    for m, stage in enumerate(network.stages):
        x = _stage(graph, network, m, x, most, signs, integer)
        most = 255 if stage.gives_bytes else 1
        signs = network.activation == "sign" and not stage.gives_bytes
    return x


def _stage(
    graph: _Graph, network: StepNetwork, m: int, x: str, most: int, signs: bool, integer: bool
) -> str:
    """Return what a stage puts out, of inputs of [0, most]."""
    stage, shape = network.stages[m], network.shapes[m]
    weights, thresholds = network.weights(m).astype(np.int64), network.thresholds(m)
    bits = 1 if stage.fan_in else stage.weight_bits or network.weight_bits
    if type(stage) is Dense:
        z = _product(graph, x, weights, bits, most, integer)
        return _above(graph, z, thresholds, weights.sum(axis=1) if signs else None)
    if not isinstance(stage, (Conv1D, Conv2D)):
        raise TypeError(f"a {type(stage).__name__} cannot be exported to ONNX")
    # Inputs outside are a column of zeros behind the others.
    first = [graph.constant([number], np.int64) for number in (0, 1, 1)]
    zeros = graph.node("Sub", *2 * [graph.node("Slice", x, *first)])
    padded = graph.node("Concat", x, zeros, axis=1)
    dilations = network.dilations(m)
    parts, order = [], []
    for dilation in sorted(set(dilations.tolist())) or [None]:
        some = (
            np.arange(len(weights)) if dilation is None else np.flatnonzero(dilations == dilation)
        )
        grid, patches = _patches(shape, stage, dilation)
        reads = graph.node("Gather", padded, graph.constant(patches), axis=1)
        z = _product(graph, reads, weights[some], bits, most, integer)
        inside = (patches < math.prod(shape)).astype(np.int64)
        sums = inside @ weights[some].T if signs else None
        found = _above(graph, z, thresholds[some], sums)
        parts.append(found if stage.pool is None else _counts(graph, found, grid, stage.pool))
        order.append(some)
    if len(parts) > 1:
        x = graph.node("Concat", *parts, axis=2)
        x = graph.node("Gather", x, graph.constant(np.argsort(np.concatenate(order))), axis=2)
    else:
        x = parts[0]
    return graph.node("Reshape", x, graph.constant([-1, network.widths[m]], np.int64))


def _above(
    graph: _Graph, z: str, thresholds: NDArray[np.int64], weight_sums: NDArray[np.int64] | None
) -> str:
    """Return bits z > t; given sums of weights, inputs b stand for 2 b - 1."""
    if weight_sums is not None:
        # z is twice the sum over set bits less the sum of weights, of those that read something.
        z = graph.node("Mul", z, graph.constant(2, np.int64))
        # Beyond what a sum can be, all thresholds are the same.
        thresholds = np.clip(thresholds, -(2**61), 2**61) + weight_sums
    return graph.cast(graph.node("Greater", z, graph.constant(thresholds, np.int64)), np.uint8)


def _counts(graph: _Graph, bits: str, grid: tuple[int, int], pool: Any) -> str:
    """Return set bits by window, of shape (n, n_windows, channels), scaled above 255 positions."""
    down, across = pool if isinstance(pool, tuple) else (pool, pool if grid[1] > 0 else 1)
    height, width = grid[0], max(grid[1], 1)
    y = ((np.arange(height) + 1) * down - 1) // height
    x = ((np.arange(width) + 1) * across - 1) // width
    window = (y[:, None] * across + x).ravel()
    members = np.arange(down * across)[:, None] == window
    dtype = np.float32 if members.shape[1] < _EXACT_FLOAT32 else np.float64
    sums = graph.node("MatMul", graph.constant(members, dtype), graph.cast(bits, dtype))
    sizes = members.sum(axis=1)[:, None]
    if sizes.max() <= 255:
        return graph.cast(sums, np.uint8)
    scale, divisor = np.where(sizes > 255, 255, 1), np.where(sizes > 255, sizes, 1)
    scaled = graph.node("Mul", graph.cast(sums, np.int64), graph.constant(scale, np.int64))
    return graph.cast(graph.node("Div", scaled, graph.constant(divisor, np.int64)), np.uint8)


def _patches(
    shape: Shape, stage: Conv1D | Conv2D, dilation: int | None
) -> tuple[tuple[int, int], NDArray[np.int64]]:
    """Return positions down and across (0 of a series), and the feature that each input reads.

    The features have shape (n_positions, inputs of a patch); one past the last stands for what lies
    outside. `dilation` is that of the channels that draw theirs.
    """
    numbers = (stage.kernel, stage.stride, stage.padding, dilation or stage.dilation)
    pairs = [n if isinstance(n, tuple) else (n, n) for n in numbers]
    if len(shape) == 2:
        shape = (shape[0], 1, shape[1])
        pairs = [(n[0], usual) for n, usual in zip(pairs, (1, 1, 0, 1), strict=True)]
    height, width, channels = shape
    (rows, n_rows), (columns, n_columns) = (
        _reads(size, *(int(pair[axis]) for pair in pairs))
        for axis, size in enumerate((height, width))
    )
    down, across = rows[:, None, :, None, None], columns[None, :, None, :, None]
    feature = (down * width + across) * channels + np.arange(channels)
    within = (down >= 0) & (down < height) & (across >= 0) & (across < width)
    feature = np.where(within, feature, height * width * channels)
    grid = (n_rows, 0 if isinstance(stage, Conv1D) else n_columns)
    return grid, feature.reshape(n_rows * n_columns, -1).astype(np.int64)


def _reads(
    size: int, kernel: int, stride: int, padding: int, dilation: int
) -> tuple[NDArray[np.int64], int]:
    """Return which inputs along one side each position reads, and the number of positions."""
    n = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    return stride * np.arange(n)[:, None] + dilation * np.arange(kernel) - padding, n


def _product(
    graph: _Graph, x: str, weights: NDArray[np.int64], weight_bits: int, most: int, integer: bool
) -> str:
    """Return sums of weights times inputs of [0, most], exact, as int64."""
    top = 2**weight_bits - 1
    largest = most * top * weights.shape[1]
    if largest >= _EXACT_FLOAT64:
        raise ValueError(f"preactivations of up to {largest} do not fit exact arithmetic in ONNX")
    if integer and weight_bits < 8 and largest <= _LARGEST_INT32:
        held = graph.constant(weights.T, np.int8)
        return graph.cast(graph.node("MatMulInteger", x, held), np.int64)
    if integer and weight_bits == 8 and largest <= _LARGEST_INT32:
        # Weights of 8 bits are odd numbers to 255: w = 2 u - 255 with u in a byte.
        held = graph.constant((weights.T + top) // 2, np.uint8)
        sums = graph.cast(graph.node("MatMulInteger", x, held), np.int64)
        wide = graph.cast(x, np.int64)
        last = graph.constant([-1], np.int64)
        total = graph.node("ReduceSum", wide, last, keepdims=1)
        doubled = graph.node("Mul", sums, graph.constant(2, np.int64))
        return graph.node("Sub", doubled, graph.node("Mul", total, graph.constant(top, np.int64)))
    dtype = np.float32 if largest < _EXACT_FLOAT32 else np.float64
    held = graph.constant(weights.T, dtype)
    return graph.cast(graph.node("MatMul", graph.cast(x, dtype), held), np.int64)


def _sums(graph: _Graph, x: str, coefficients: NDArray[Any]) -> str:
    return graph.node("MatMul", x, graph.constant(coefficients.T, np.float64))


def _squares(graph: _Graph, x: str) -> str:
    last = graph.constant([1], np.int64)
    return graph.node("ReduceSum", graph.node("Mul", x, x), last, keepdims=1)


def _most(readout: Readout) -> int:
    return 1 if readout.reads_bits else 255


# Each returns what is largest for the class that is predicted, as float64.


def _quantized_scores(graph: _Graph, readout: QuantizedReadout, bits: str) -> str:
    coefficients = readout.coef_
    largest = _most(readout) * int(np.abs(coefficients).sum(axis=1).max()) + max(
        map(abs, readout.bias_.tolist()), default=0
    )
    if largest >= _EXACT_FLOAT64:
        raise ValueError(f"scores of up to {largest} do not fit exact arithmetic in ONNX")
    x = graph.cast(bits, np.float64)
    bias = graph.constant(readout.bias_, np.float64)
    return graph.node("Add", _sums(graph, x, coefficients), bias)


def _linear_scores(graph: _Graph, readout: Any, bits: str) -> str:
    x = graph.cast(bits, np.float64)
    intercept = graph.constant(readout.intercept_, np.float64)
    return graph.node("Add", _sums(graph, x, readout.coef_), intercept)


def _centroid_scores(graph: _Graph, readout: Centroids, bits: str) -> str:
    x = graph.cast(bits, np.float64)
    counts, n = readout.counts_, readout.n_samples_
    if not n.all():
        raise ValueError(
            f"class {readout.classes_[n == 0][0]!r} has no training vectors, and so no mean"
        )
    if readout.metric == "cosine":
        lengths = np.sqrt(np.sum(counts.astype(np.float64) ** 2, axis=1))
        root = graph.node("Sqrt", _squares(graph, x))
        norms = graph.node("Mul", root, graph.constant(lengths, np.float64))
        zero = graph.constant(0.0, np.float64)
        positive = graph.node("Greater", norms, zero)
        safe = graph.node("Where", positive, norms, graph.constant(1.0, np.float64))
        cosines = graph.node("Div", _sums(graph, x, counts), safe)
        return graph.node("Where", positive, cosines, zero)
    if readout.metric == "hamming":
        counts = (2 * counts > n[:, None]).astype(np.int64)
        n = np.ones_like(n)
    largest = 4 * (_most(readout) * int(n.max())) ** 2 * counts.shape[1]
    if largest >= _EXACT_FLOAT64:
        raise ValueError(
            f"distances to means of {n.max()} samples do not fit exact arithmetic in ONNX; "
            "export model.quantize(centroid_bits=8)"
        )
    # The numerator of the squared distance is an integer below 2^53; one division rounds it.
    squares = np.sum(counts**2, axis=1)
    own = graph.node("Mul", _squares(graph, x), graph.constant(n**2, np.float64))
    shared = graph.node("Mul", _sums(graph, x, counts), graph.constant(2 * n, np.float64))
    numerator = graph.node(
        "Add", graph.node("Sub", own, shared), graph.constant(squares, np.float64)
    )
    distances = graph.node("Div", numerator, graph.constant(n**2, np.float64))
    return graph.node("Neg", distances)


_SCORES: dict[str, Callable[[_Graph, Any, str], str]] = {
    Centroids.kind: _centroid_scores,
    QuantizedReadout.kind: _quantized_scores,
}


def _labels(classes: NDArray[Any]) -> NDArray[Any]:
    """Labels in a type that ONNX has."""
    if classes.dtype.kind == "U":
        return classes.astype(object)
    if classes.dtype.kind == "u" and int(classes.max()) >= 2**63:
        raise ValueError(
            f"labels are int64 in ONNX, which does not hold {classes.max()}; give such as strings"
        )
    if classes.dtype.kind == "b":
        return classes
    return classes.astype(np.float64 if classes.dtype.kind == "f" else np.int64)
