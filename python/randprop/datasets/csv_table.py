"""Tables in CSV files: columns of numbers, one of labels, with errors that name line and column."""

from __future__ import annotations

import io
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from randprop._files import open_ordinary
from randprop._tables import printable
from randprop._validation import check_choice, check_flag, check_int, check_path, told

__all__ = ["CsvTable", "load_csv", "read_columns"]

# The first of these that cuts the first line into most cells; a comma may be a decimal point.
_DELIMITERS = ("\t", ";", "|", ",")
_MISSING = ("", "na", "n/a", "nan", "null", "none", "?")


class CsvTable(NamedTuple):
    """Content of a CSV file.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features), dtype float64
        Features.
    y : ndarray of shape (n_samples,) or None
        Labels: integers if all cells are integers, floats if all are numbers, else strings. None
        if the file has no labels.
    feature_names : tuple of str or None
        Names of the columns of `X`. None if the file has no line of names.
    """

    X: NDArray[np.float64]
    y: NDArray[Any] | None
    feature_names: tuple[str, ...] | None


def load_csv(
    path: str | PathLike[str],
    *,
    label: int | str | None = -1,
    header: bool | str = "auto",
    delimiter: str | None = None,
) -> CsvTable:
    r"""Read a table of numbers, with or without a column of labels.

    Missing values are refused. So is text among the features, such as the name of a colour: encode
    it as numbers first.

    Parameters
    ----------
    path : path-like
        A CSV file in UTF-8, as spreadsheets and pandas (``to_csv(index=False)``) write it.
    label : int, str or None, default=-1
        The column of the labels: its name, or its position. 0 is the first column, -1 the last.
        None: the file has no labels.
    header : bool or "auto", default="auto"
        Whether the first line holds names. ``"auto"``: it does if one of its cells is not a number
        and the cell below it is a number.
    delimiter : {",", ";", "|", "\t"}, optional
        Character between cells. Default: the one that gives the first line the most cells.

    Returns
    -------
    CsvTable
        ``X, y, feature_names``.

    Raises
    ------
    OSError
        If the file cannot be read, or is not a regular file.
    TypeError, ValueError
        If an argument is not as above, or if a line differs from the others. The message names the
        line and the column, counted from 1.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import randprop
    >>> rows = [("length", "width", "kind"), (5.1, 3.5, "setosa"), (7.0, 3.2, "versicolor")]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "iris.csv")
    ...     np.savetxt(path, rows, fmt="%s", delimiter=",")
    ...     X, y, names = randprop.datasets.load_csv(path)
    >>> X
    array([[5.1, 3.5],
           [7. , 3.2]])
    >>> y, names
    (array(['setosa', 'versicolor'], dtype='<U10'), ('length', 'width'))
    """
    target = check_path("path", path)
    if label is not None and not isinstance(label, str):
        label = check_int("label", label, -(1 << 28), 1 << 28)
    named = None if isinstance(header, str) and header == "auto" else check_flag("header", header)
    if delimiter is not None:
        check_choice("delimiter", delimiter, _DELIMITERS)
    return read_columns(target, label=label, header=named, delimiter=delimiter)


def read_columns(
    path: Path,
    *,
    label: int | str | None,
    header: bool | None = None,
    delimiter: str | None = None,
    wanted: Sequence[str] | None = None,
) -> CsvTable:
    """Read a table as `load_csv` does, its arguments checked.

    Of a file with names, `wanted` are those of the features, in this order; other columns are left
    aside.
    """
    try:
        with (
            open_ordinary(path) as stream,
            io.TextIOWrapper(stream, "utf-8-sig", newline="") as text,
        ):
            lines = _Lines(str(path), text, delimiter)
            rows = list(_first(lines, 2))
            if not rows:
                raise ValueError(f"{path} holds no lines")
            n_columns = len(rows[0].cells)
            names = None
            if header is None:
                header = _is_header(rows)
            if header:
                names = _names(lines, rows.pop(0))
            columns = _Columns(str(path), names, n_columns)
            place = columns.place_of(label)
            features = columns.features(place, wanted if names is not None else None)
            X, labels = _numbers(lines, rows, columns, features, place)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not text in UTF-8: {error}; save it as UTF-8, which spreadsheets call "
            "'CSV UTF-8'"
        ) from None
    if not len(X):
        raise ValueError(f"{path} holds no samples, only names")
    found = None if names is None else tuple(names[i] for i in features)
    return CsvTable(X, None if place is None else _as_labels(labels), found)


class _Row(NamedTuple):
    number: int  # of its last line
    cells: list[str]
    careful: bool  # whether it has an underscore: Python reads 1_000 as a number, and nobody else


class _Lines:
    """The rows of a file, empty lines left out, each with its number; read when they are needed."""

    def __init__(self, name: str, text: Iterable[str], delimiter: str | None) -> None:
        import csv  # a run of the command without such a file does not wait for it

        self.name, self._error = name, csv.Error
        self._careful = False
        begun: list[str] = []
        if delimiter is None:
            first = ""
            for first in text:
                begun.append(first)
                if first.strip():
                    break
            delimiter = max(
                _DELIMITERS, key=lambda d: len(next(csv.reader([first], delimiter=d), []))
            )
        lines = self._watched(chain(begun, text))
        self._reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)

    def _watched(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            if "_" in line:
                self._careful = True
            yield line

    def __iter__(self) -> Iterator[_Row]:
        try:
            for cells in self._reader:
                careful, self._careful = self._careful, False
                if cells:
                    yield _Row(self._reader.line_num, cells, careful)
        except self._error as error:
            raise ValueError(f"{self.name}: line {self._reader.line_num}: {error}") from None


def _first(lines: _Lines, count: int) -> Iterator[_Row]:
    # Counted first: zip takes no row then that it does not give.
    for _, row in zip(range(count), lines, strict=False):
        yield row


def _is_header(rows: list[_Row]) -> bool:
    """Whether a cell of the first row is no number, and that below it is one."""
    if len(rows) < 2:
        return not any(_is_number(cell) for cell in rows[0].cells)
    return any(
        above.strip() and not _is_number(above) and (_is_number(below) or _has_comma(below))
        for above, below in zip(rows[0].cells, rows[1].cells, strict=False)
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _has_comma(cell: str) -> bool:
    """Whether a cell is a number whose point is a comma."""
    return re.fullmatch(r"\s*[-+]?[0-9]*,[0-9]+\s*", cell) is not None


def _names(lines: _Lines, row: _Row) -> list[str]:
    names = [cell.strip() for cell in row.cells]
    for place, name in enumerate(names, start=1):
        if not name:
            raise ValueError(
                f"{lines.name}: line {row.number}: column {place} has no name; if it is the index "
                "that pandas writes, leave it out: to_csv(index=False)"
            )
        if name in names[: place - 1]:
            raise ValueError(f"{lines.name}: line {row.number}: two columns have the name {name!r}")
    return names


@dataclass(frozen=True)
class _Columns:
    """What the columns of a file are called."""

    file: str
    names: list[str] | None
    count: int

    def told(self, place: int) -> str:
        shown = "" if self.names is None else f" ({self.names[place]!r})"
        return f"column {place + 1}{shown}"

    def place_of(self, label: int | str | None) -> int | None:
        """Return the place of a column, from 0."""
        if label is None:
            return None
        if isinstance(label, str):
            if self.names is None:
                raise ValueError(
                    f"label is the name {label!r}, but {self.file} has no line of names"
                )
            return self.names.index(check_choice("label", label, self.names))
        if not -self.count <= label < self.count:
            raise ValueError(
                f"label must be a column of {self.file}, -{self.count} to {self.count - 1}, got "
                f"{label}"
            )
        return label % self.count

    def features(self, label: int | None, wanted: Sequence[str] | None) -> list[int]:
        """Return the places of the features."""
        if wanted is None or self.names is None:
            places = [i for i in range(self.count) if i != label]
        else:
            missing = [name for name in wanted if name not in self.names]
            if missing:
                raise ValueError(
                    f"{self.file} lacks columns of the training data: "
                    f"{', '.join(map(repr, missing[:5]))}"
                    + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
                )
            places = [self.names.index(name) for name in wanted]
        if not places:
            raise ValueError(f"{self.file} has no column of features beside the labels")
        return places


def _numbers(
    lines: _Lines, first: list[_Row], columns: _Columns, features: list[int], label: int | None
) -> tuple[NDArray[np.float64], list[str]]:
    """Return the numbers of all rows, and the cells of the label."""
    values, numbers = array("d"), array("q")
    labels: list[str] = []
    all_of_them = features == list(range(columns.count))
    for row in (row for rows in (first, lines) for row in rows):
        if len(row.cells) != columns.count:
            raise ValueError(
                f"{lines.name}: line {row.number} has {len(row.cells)} cells, expected "
                f"{columns.count}"
            )
        cells = row.cells if all_of_them else [row.cells[i] for i in features]
        if row.careful and any("_" in cell for cell in cells):
            _refuse(lines.name, row, columns, features)
        try:
            values.extend(map(float, cells))
        except ValueError:
            _refuse(lines.name, row, columns, features)
        numbers.append(row.number)
        if label is not None:
            cell = row.cells[label].strip()
            if not cell:  # "NA" and "?" may be labels
                raise ValueError(
                    f"{lines.name}: line {row.number}, {columns.told(label)}: the label is missing"
                )
            labels.append(cell)
    X = np.frombuffer(values, dtype=np.float64).reshape(-1, len(features))
    if not np.isfinite(X).all():
        row_of, column = (int(i) for i in np.argwhere(~np.isfinite(X))[0])
        raise ValueError(
            f"{lines.name}: line {numbers[row_of]}, {columns.told(features[column])} holds "
            f"{X[row_of, column]}: fill missing values, or leave those lines out"
        )
    return X, labels


def _refuse(file: str, row: _Row, columns: _Columns, features: list[int]) -> NoReturn:
    """Say which cell is no number."""
    place = next(i for i in features if not _is_number(row.cells[i]))
    cell = row.cells[place].strip()
    where = f"{file}: line {row.number}, {columns.told(place)}"
    if cell.lower() in _MISSING:
        shown = repr(cell) if cell else "nothing"
        raise ValueError(f"{where} holds {shown}: fill missing values, or leave those lines out")
    if _has_comma(cell):
        raise ValueError(
            f"{where} holds {cell!r}: write numbers with a point, 1.5, not with a comma"
        )
    shown = printable(told(cell).removeprefix("str "))
    raise ValueError(
        f"{where} holds {shown}, which is not a number: encode text as numbers first, such as one "
        "column of 0 and 1 a value (pandas.get_dummies, scikit-learn's OneHotEncoder), or leave "
        "the column out; if it holds the labels, label= is its place or name"
    )


def _as_labels(cells: list[str]) -> NDArray[Any]:
    """Return labels as integers or numbers where all of them are."""
    if all(re.fullmatch(r"[-+]?[0-9]{1,18}", cell) for cell in cells):
        return np.array([int(cell) for cell in cells], dtype=np.int64)
    if all(_is_number(cell) for cell in cells):
        found = np.array([float(cell) for cell in cells])
        if np.isfinite(found).all():
            return found
    return np.array(cells)
