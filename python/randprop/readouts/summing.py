"""Readouts of integer statistics that add: sums of the features by class, and more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._labels import as_codes, as_labels, unite
from randprop._validation import check_threads
from randprop.bits import BitMatrix, Features
from randprop.readouts.base import Readout, changing, from_core, known_labels, snapshot
from randprop.readouts.describe import Picture, means

__all__ = ["MAX_CLASS_SAMPLES", "SummingReadout", "Sums"]

Adding = TypeVar("Adding", bound="SummingReadout")
# The limit of the core, which keeps its sums in 64 bits.
MAX_CLASS_SAMPLES = 1 << 34


class Sums:
    """What a readout sums over features beside their sums by class: here nothing."""

    def add(self, features: Features, codes: NDArray[np.int32]) -> None:
        """Add samples and their classes."""

    def found(self) -> dict[str, Any]:
        """Return attributes of the readout."""
        return {}


class SummingReadout(Readout):
    """Readout of integer statistics that add: sums of the features by class, and more."""

    counts_: NDArray[np.int64]
    n_samples_: NDArray[np.int64]

    def partial_fit(  # noqa: D102
        self: Adding, bits: Features, y: ArrayLike, classes: ArrayLike | None = None
    ) -> Adding:
        seen = snapshot(self)
        seen.check_takes_samples()
        features = seen.check_features("bits", bits)
        self._add_all(seen, [features], as_labels("y", y, len(features), "bits"), classes)
        return self

    def add_parts(self: Adding, parts: Iterable[Features], y: Any, **more: Any) -> Adding:  # noqa: D102
        seen = snapshot(self)
        seen.check_takes_samples()
        self._add_all(seen, parts, as_labels("y", y, len(y), "bits"), **more)
        return self

    def _add_all(
        self: Adding,
        seen: Adding,
        parts: Iterable[Features],
        labels: NDArray[Any],
        classes: ArrayLike | None = None,
    ) -> None:
        threads = check_threads(seen.n_threads)
        known = unite(known_labels(labels, classes))
        if seen.n_features is not None:
            unite([known, seen.classes_])  # refused before anything is counted
        part = seen.fresh()
        codes = as_codes(labels, known)
        sums: dict[str, Any] = {}
        start = 0
        for features in parts:
            features = seen.check_features("bits", features)
            if not sums:
                sums = part._spread([known], features.shape[1])
                more = part.more_sums(len(labels), features.shape[1], threads)
            these = codes[start : start + len(features)]
            start += len(features)
            counts = sums["counts_"], sums["n_samples_"]
            from_core("add_class_counts", features, these, *counts, threads)
            more.add(features, these)
            of_bits = isinstance(features, BitMatrix)
        part._take_over(sums | more.found(), of_bits)
        with changing():
            self._add(part, reuse=True)

    def merge(self: Adding, other: Adding) -> Adding:  # noqa: D102
        if not isinstance(other, type(self)):
            raise TypeError(f"other must be a {type(self).__name__}, got {type(other).__name__}")
        other = snapshot(other)
        with changing():
            for readout in (self, other):
                readout.check_takes_samples()
            other.check_fitted()
            self._add(other, reuse=False)
        return self

    def _add(self: Adding, other: Adding, *, reuse: bool) -> None:
        """Add the sums of `other`, whose arrays may be used up for it where `reuse`."""
        n_features, ours = other.counts_.shape[1], self.n_features
        if ours is not None and (ours != n_features or self.reads_bits != other.reads_bits):
            kinds = ("bytes", "bits")
            raise ValueError(
                f"other was fitted on {n_features} {kinds[other.reads_bits]}, "
                f"this readout on {ours} {kinds[self.reads_bits]}"
            )
        sums = self._spread([other.classes_], n_features)
        rows = as_codes(other.classes_, sums["classes_"])
        sums["counts_"][rows] += other.counts_
        sums["n_samples_"][rows] += other.n_samples_
        sums |= self.merged_sums(other, sums["classes_"], reuse=reuse)
        self._take_over(sums, other.reads_bits)

    @property
    def n_features(self) -> int | None:
        """Number of bits or bytes of a vector. None before `fit`."""
        return self.counts_.shape[1] if hasattr(self, "counts_") and len(self.classes_) else None

    def _facts(self) -> list[tuple[str, str]]:
        found = super()._facts()
        if not hasattr(self, "n_samples_"):
            return found  # read from a file without sums
        return [*found, ("training vectors", f"{self.n_samples_.sum():,}")]

    def _picture(self) -> Picture | None:
        there = hasattr(self, "counts_") and len(self.counts_) > 0
        return means(self.counts_, self.n_samples_) if there else None

    def check_takes_samples(self) -> None:
        """Raise ValueError where samples cannot be added."""

    def max_samples(self) -> int | None:
        """Return how many samples of all classes are too many, if there is such a number."""
        return None

    def more_sums(self, n_samples: int, n_features: int, threads: int) -> Sums:
        """Return what adds up other attributes over so many samples; changes nothing."""
        return Sums()

    def merged_sums(
        self: Adding, other: Adding, classes: NDArray[Any], *, reuse: bool
    ) -> dict[str, Any]:
        """Return other attributes with those of `other` added, in its arrays where `reuse`.

        `classes` are those of both.
        """
        return {}

    def set_sums(
        self, classes: NDArray[Any], counts: NDArray[np.int64], n_samples: NDArray[np.int64],
        *, of_bits: bool = True,
    ) -> None:  # fmt: skip
        """Take over sums that were computed elsewhere."""
        self._take_over({"classes_": classes, "counts_": counts, "n_samples_": n_samples}, of_bits)

    def _take_over(self, sums: dict[str, Any], of_bits: bool) -> None:
        self._check_total(sums["n_samples_"])
        # One step: an interrupt leaves the readout as it was or as it is to be.
        self.__dict__ = {**self.__dict__, **sums, "reads_bits": of_bits}

    def _check_total(self, n_samples: NDArray[np.int64]) -> None:
        if n_samples.size and int(n_samples.max()) > MAX_CLASS_SAMPLES:
            raise ValueError(
                f"a class may hold {MAX_CLASS_SAMPLES} samples, it would have {n_samples.max()}"
            )
        most = self.max_samples()
        if most is not None and int(n_samples.sum()) >= most:
            raise ValueError(f"a {type(self).__name__} holds fewer than {most} samples")

    def _spread(self, known: list[NDArray[Any]], n_features: int) -> dict[str, Any]:
        """Copy of the sums with a row for every known label."""
        fitted = self.n_features is not None
        all_classes = unite([*known, self.classes_] if fitted else known, "the labels")
        counts = np.zeros((len(all_classes), n_features), dtype=np.int64)
        n_samples = np.zeros(len(all_classes), dtype=np.int64)
        if fitted:
            rows = as_codes(self.classes_, all_classes)
            counts[rows] = self.counts_
            n_samples[rows] = self.n_samples_
        return {"classes_": all_classes, "counts_": counts, "n_samples_": n_samples}
