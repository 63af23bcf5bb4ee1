"""The page that runs the exact bits in a browser: what it holds, and the file it becomes."""

from __future__ import annotations

import json
import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

import randprop._core as _core
from randprop._files import write_bytes, write_text
from randprop._validation import check_path
from randprop.datasets import load_mnist
from randprop.model.c_costs import costs_of
from randprop.model.c_layout import CLayout
from randprop.model.recipes import fit_model
from randprop.network.convolutions import Conv2D
from randprop.show.browser import packed_sets, page

__all__ = ["DATA_FILE", "demo"]

# The whole of MNIST, which the page looks for beside itself.
DATA_FILE = "mnist.bin.gz"
# The first images of each set lie inside the page.
_N_TRAIN, _N_TEST = 8000, 1000
# Units that the page offers: in the browser, and on devices.
_CHANNELS = (32, 64, 128, 256)
_DEVICE_CHANNELS = (16, 32, 64, 128)
_DEVICE_BITS = 4


def demo(
    path: str | os.PathLike[str], *, data: bool = False, text: str | os.PathLike[str] | None = None
) -> Path:
    """Write a page that runs the network in a browser, as one HTML file.

    The page needs no installation and loads nothing from the internet. On it you can draw a digit
    and see its bits, repeat the paper's experiment, make the network useful, and see what it costs
    on a microcontroller. The page computes the same bits as this package.

    Parameters
    ----------
    path : path-like
        The HTML file to write. It has 2.2 MB, with 8,000 training and 1,000 test images of MNIST.
    data : bool, default=False
        Also write ``mnist.bin.gz`` into the same folder: all of MNIST, 11 MB. The page loads it on
        request. On a web server it finds the file; if it was opened as a file, it asks for it.
    text : path-like, optional
        A JSON file with the text of the page in another language: a translation of the table that
        ``randprop.show.browser.english()`` returns, with the same names.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If `text` is not complete, or not JSON.
    OSError
        If a file cannot be read or written.
    """
    target = check_path("path", path)
    table = None if text is None else _table(check_path("text", text))
    X_train, y_train, X_test, y_test = load_mnist()
    train, test = (X_train, y_train.astype(np.uint8)), (X_test, y_test.astype(np.uint8))
    inside = packed_sets(
        (train[0][:_N_TRAIN], train[1][:_N_TRAIN]), (test[0][:_N_TEST], test[1][:_N_TEST])
    )
    write_text(target, page(_facts(), inside, table))
    if data:
        write_bytes(target.with_name(DATA_FILE), packed_sets(train, test))
    return target


def _table(path: Path) -> Any:
    if not path.exists():
        raise FileNotFoundError(f"text must be a JSON file, and {path} does not exist")
    if path.is_dir():
        raise IsADirectoryError(f"text must be a JSON file, and {path} is a folder")
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"text must be a JSON file in UTF-8, and {path} is not: {error.reason} at byte "
            f"{error.start}"
        ) from None
    except ValueError as error:
        raise ValueError(f"text must be a JSON file, and {path} is not: {error}") from None


@cache
def _facts() -> dict[str, Any]:
    """Return what the page shows and cannot compute."""
    theory = json.loads(files("randprop.show").joinpath("page", "theory.json").read_text("utf-8"))
    return {
        "version": _core.__version__,
        "n_train": _N_TRAIN,
        "n_test": _N_TEST,
        "theory": theory,
        "channels": list(_CHANNELS),
        "costs": [_costs(channels) for channels in _DEVICE_CHANNELS],
    }


def _costs(channels: int) -> dict[str, Any]:
    """Bytes and times of the useful network on microcontrollers, whatever it is fitted to."""
    X, y, _, _ = load_mnist()
    model = fit_model(
        X[:1000],
        y[:1000],
        stages=[Conv2D(channels, 7, fan_in=4, pool=2)],
        input_shape=(28, 28, 1),
        scaling="binary",
        readout="discriminant",
        alpha=0.01,
    )
    layout = CLayout(model, model.readout.quantize(_DEVICE_BITS), "seed")
    return {
        "channels": channels,
        "bytes": layout.table_bytes,
        "processors": [
            {"name": cost.processor, **{name: getattr(cost, name) for name in cost._fields[1:]}}
            for cost in costs_of(layout)
        ],
    }
