"""Tables in Parquet files, read by row groups; pyarrow is loaded by whoever has such files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from randprop.features import feature_names

__all__ = ["RowGroups", "is_dataset", "open_tables", "row_groups", "table_names"]


class RowGroups(NamedTuple):
    """Some row groups of one file, which pickle as their numbers and the path."""

    path: str
    filesystem: Any
    groups: tuple[int, ...]
    features: tuple[str, ...]
    label: str | None

    def read(self) -> tuple[Any, Any]:
        """Return the features, and the labels or None."""
        columns = [*self.features, *([] if self.label is None else [self.label])]
        import pyarrow.parquet  # type: ignore[import-untyped,unused-ignore]

        # Not by the dataset, which gives several row groups in any order.
        with pyarrow.parquet.ParquetFile(self.path, filesystem=self.filesystem) as file:
            table = file.read_row_groups(self.groups, columns=columns, use_threads=False)
        y = None if self.label is None else table.column(self.label).to_numpy()
        X = table.select(list(self.features))
        if len(self.features) > 1 or not hasattr(X.schema.types[0], "list_size"):
            return X, y
        # A sample as one list of so many numbers.
        column = X.column(0)
        if column.null_count:
            raise ValueError(f"column {self.features[0]!r} of X has missing values")
        width = column.type.list_size
        parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
        flat = np.concatenate(parts) if parts else np.zeros(0, np.uint8)
        return flat.reshape(-1, width), y


def is_dataset(X: Any) -> bool:
    """Whether this is a dataset of pyarrow."""
    module = sys.modules.get("pyarrow.dataset")
    return module is not None and isinstance(X, module.Dataset)


def open_tables(paths: Sequence[str]) -> Any:
    """Return files, or the files of one folder, as a dataset of pyarrow."""
    try:
        import pyarrow.dataset  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise ImportError("Parquet files need pyarrow; install it: pip install pyarrow") from None
    for path in paths:
        os.stat(path)
    return pyarrow.dataset.dataset(paths[0] if len(paths) == 1 else list(paths), format="parquet")


def table_names(dataset: Any, label: str | None) -> tuple[tuple[str, ...], int]:
    """Return the columns that are features, and how many features those are."""
    names = list(dataset.schema.names)
    if label is not None and label not in names:
        listed = ", ".join(map(repr, names if len(names) < 9 else [*names[:4], *names[-4:]]))
        raise ValueError(f"y must name a column of X, such as {listed}, got {label!r}")
    found = tuple(name for name in names if name != label)
    if feature_names(found) is None:
        raise ValueError(
            f"X must have columns with different names, apart from the labels, got {names}"
        )
    if len(found) == 1:
        return found, int(getattr(dataset.schema.field(found[0]).type, "list_size", 1))
    return found, len(found)


def row_groups(
    dataset: Any, features: tuple[str, ...], label: str | None, size: int
) -> Iterator[tuple[RowGroups, int]]:
    """Cut into whole row groups, as many as `size` rows hold, one at least, and tell the rows."""
    for fragment in dataset.get_fragments():
        groups = [(group.id, group.num_rows) for group in fragment.row_groups]
        while groups:
            taken, rows = 1, groups[0][1]
            while taken < len(groups) and rows + groups[taken][1] <= size:
                rows += groups[taken][1]
                taken += 1
            some = tuple(number for number, _ in groups[:taken])
            yield RowGroups(fragment.path, fragment.filesystem, some, features, label), rows
            groups = groups[taken:]
