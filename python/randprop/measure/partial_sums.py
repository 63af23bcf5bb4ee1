"""What a fit has added up so far, in a file from which the same fit goes on after a crash.

The file is an npz archive of integers and a description, and nothing in it is code. It is written
beside its place and renamed, so that it holds the sums of whole chunks whenever the process ends,
and however. It is no model: see `randprop.save`.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._files import read_bytes, write_bytes
from randprop.bits import BitMatrix
from randprop.measure.chunks import Data
from randprop.measure.store import DEFINITION
from randprop.model.fixed_scaling import FixedScaling
from randprop.network.step_network import StepNetwork
from randprop.readouts.base import Readout

__all__ = ["PartialSums"]

_FORMAT = 1
_SHARE = 20  # a file is written when so many times as long has passed as that takes


class PartialSums:
    """The sums of a fit, kept in a file where there is one.

    Parameters
    ----------
    path : Path or None
        Read where it is there; None keeps nothing.
    empty : Readout
        Unfitted.
    network, scaling, data, chunk_size : object
        What the fit is of: a file of another one is refused.
    """

    def __init__(
        self, path: Path | None, empty: Readout, *,
        network: StepNetwork, scaling: FixedScaling | None, data: Data, chunk_size: int,
    ) -> None:  # fmt: skip
        self._path = path
        self._fitted = empty.fresh()
        self._done: NDArray[np.bool_] = np.zeros(0, dtype=bool)
        self._unsaved = False
        self._waits_until = 0.0
        self._of: dict[str, str] = {}
        if path is None:
            return
        if empty.ordered:
            raise ValueError(
                f"resume is for readouts that keep sums; {empty!r} keeps all training samples"
            )
        described = data.described()
        if described is None:
            raise ValueError(
                "resume needs X that can be read again: an array, a file, a source, data of dask; "
                "got an iterable of parts"
            )
        self._of = {
            "format": str(_FORMAT),
            "definition": DEFINITION,
            "network": _sum_of(network),
            "readout": repr(empty.fresh()),
            "scaling": "none" if scaling is None else _sum_of(scaling),
            "X or y": described,
            "chunk_size": str(chunk_size),
        }
        try:
            content = read_bytes(path)
        except FileNotFoundError:
            self._save()  # refused here rather than after the first chunk
        else:
            self._take(content)

    @property
    def n_samples(self) -> int:
        """Samples that are added already."""
        return int(np.sum(getattr(self._fitted, "n_samples_", 0)))

    def has(self, number: int) -> bool:
        """Whether a chunk is added already."""
        return number < len(self._done) and bool(self._done[number])

    def add(self, number: int, part: Readout | None) -> None:
        """Add what a chunk was fitted to, and keep it if it is time to."""
        if part is not None:
            self._fitted.merge(part)
        if self._path is None:
            return
        if number >= len(self._done):
            more = max(64, number + 1 - len(self._done), len(self._done))
            self._done = np.concatenate([self._done, np.zeros(more, dtype=bool)])
        self._done[number] = True
        self._unsaved = True
        if monotonic() >= self._waits_until:
            self._save()

    def __enter__(self) -> PartialSums:
        return self

    def __exit__(self, *of_error: object) -> None:
        """Keep what was added, however the block ended."""
        if self._unsaved:
            self._save()

    @property
    def fitted(self) -> Readout:
        """The readout that is fitted to all chunks that were added."""
        return self._fitted

    def _save(self) -> None:
        if self._path is None:
            return
        started = monotonic()
        arrays, members = _state_of(self._fitted)
        arrays["done"] = np.packbits(self._done)
        told = json.dumps({"randprop partial sums": self._of, "readout": members}, sort_keys=True)
        stream = io.BytesIO()
        everything: dict[str, Any] = {**arrays, "description": np.array(told)}
        np.savez(stream, **everything)
        write_bytes(self._path, stream.getvalue())
        self._unsaved = False
        now = monotonic()
        self._waits_until = now + _SHARE * (now - started)

    def _take(self, content: bytes) -> None:
        name = str(self._path)
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                arrays = {key: stored[key] for key in stored.files}
            told = json.loads(str(arrays.pop("description")))
            found, members = told["randprop partial sums"], told["readout"]
            done = np.unpackbits(arrays.pop("done")).astype(bool)
        except (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"resume {name} is not a file of partial sums, or is damaged: {error}"
            ) from None
        for what, value in self._of.items():
            if found.get(what) != value:
                raise ValueError(
                    f"resume {name} holds the sums of another fit, whose {what} differs; "
                    "use another file, or remove it"
                )
        self._done = done
        self._fitted.__dict__ = {**self._fitted.__dict__, **_members(arrays, members)}


def _state_of(readout: Readout) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return what a readout was fitted to: arrays, and how the others are told in JSON."""
    fresh = readout.fresh().__dict__
    arrays: dict[str, NDArray[Any]] = {}
    members: dict[str, Any] = {}
    for name, value in readout.__dict__.items():
        if isinstance(value, BitMatrix):
            arrays[f"in_{name}"], members[name] = value.words, {"bits": value.n_bits}
        elif isinstance(value, np.ndarray):
            arrays[f"in_{name}"], members[name] = value, "array"
        elif value is None or isinstance(value, (bool, int)):
            members[name] = {"is": value}
        elif name not in fresh:
            raise ValueError(f"resume cannot keep the {name} of a {type(readout).__name__}")
    return arrays, members


def _members(arrays: dict[str, NDArray[Any]], members: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, kind in members.items():
        if kind == "array":
            found[name] = arrays[f"in_{name}"]
        elif "bits" in kind:
            found[name] = BitMatrix(arrays[f"in_{name}"], kind["bits"])
        else:
            found[name] = kind["is"]
    return found


def _sum_of(thing: StepNetwork | FixedScaling) -> str:
    """Return a sum of all that a network or a scaling is."""
    total = hashlib.blake2b(repr(thing).encode(), digest_size=16)
    if isinstance(thing, StepNetwork):
        for stage in thing.stages:
            total.update(json.dumps(stage.described(), sort_keys=True).encode())
            if stage.thresholds is not None:
                total.update(np.array(stage.thresholds, dtype=np.int64).tobytes())
        return total.hexdigest()
    for name, value in sorted(vars(thing).items()):
        total.update(f"{name} {value!r}".encode())
        if isinstance(value, np.ndarray):
            total.update(value.tobytes())
    return total.hexdigest()
