"""Results of a sweep on disk: one row a finished cell, in SQLite."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any
from urllib.parse import quote

import randprop._core as _core
from randprop._files import check_ordinary

__all__ = ["METRICS", "PARAMETERS", "CellStore"]

# What a network and a readout are: raised when the same arguments come to mean other bits, or the
# same name of a readout another one.
DEFINITION = "2"
_SCHEMA = "1"

PARAMETERS = (
    "dataset", "n_train", "n_test", "width", "weight_bits", "weights", "activation", "readout",
    "seed", "layers",
)  # fmt: skip
METRICS = (
    "accuracy", "variance_units", "variance_samples", "variance_class_means", "variance_floor",
    "baseline_accuracy", "seconds",
)  # fmt: skip


class CellStore:
    """Finished cells by their parameters.

    Every cell is committed by itself, so that the file holds all finished ones, and only whole
    ones, whenever the process ends, and however.

    `path` None is a store in memory. What is no store, or one of another definition or version,
    raises ValueError and is not touched; what is no file, or cannot be opened, read or written,
    OSError.
    """

    def __init__(self, path: str | PathLike[str] | None) -> None:
        self._name = "memory" if path is None else str(path)
        # Absolute, and so a plain name: SQLite may read "file:..." as an address, and ":memory:" as
        # none.
        name = ":memory:" if path is None else os.path.realpath(path)
        with self._errors("is not a store of a sweep"):
            if path is not None:
                self._look(name)
            self._db = sqlite3.connect(name, timeout=60.0)
        try:
            with self._errors("is not a store of a sweep"):
                self._open()
        except BaseException:
            self._db.close()
            raise

    @contextmanager
    def _errors(self, damaged: str = "is damaged") -> Iterator[None]:
        """Say which store it was: OSError of a full disk and the like, ValueError of content."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OSError(f"store {self._name}: {error}") from None
        except sqlite3.DatabaseError as error:
            raise ValueError(f"store {self._name} {damaged}: {error}") from None

    def _look(self, name: str) -> None:
        """Refuse what is there and no store, before anything of it is changed."""
        try:
            found = os.stat(name)
        except FileNotFoundError:
            return
        check_ordinary(Path(self._name), found.st_mode)
        if not found.st_size:
            return
        log, index = (os.path.exists(name + end) for end in ("-wal", "-shm"))
        if log and not index:
            # Left by who died, or copied. A reader would make the index and fold the log in.
            with tempfile.TemporaryDirectory() as folder:
                for end in ("", "-wal"):
                    shutil.copyfile(name + end, f"{folder}/copy{end}")
                with closing(sqlite3.connect(f"{folder}/copy")) as db:
                    self._check(db)
            return
        # Without a log, nobody has the file open in that mode, and SQLite is to make none.
        how = "mode=ro" if log else "mode=ro&immutable=1"
        with closing(
            sqlite3.connect(f"file:{quote(os.fsencode(name))}?{how}", uri=True, timeout=60.0)
        ) as db:
            self._check(db)

    def _check(self, db: sqlite3.Connection) -> bool:
        """Refuse a database that is no store of this version; return whether it is one already."""
        kinds = dict(db.execute("SELECT name, type FROM sqlite_master"))
        if not kinds:
            return False
        for table, names in (("randprop", ("name", "value")), ("cells", PARAMETERS + METRICS)):
            columns = tuple(row[1] for row in db.execute(f"PRAGMA table_info({table})"))
            if kinds.get(table) != "table" or columns != names:
                raise ValueError(f"store {self._name} is a database of something else")
        found = dict(db.execute("SELECT name, value FROM randprop"))
        for name, value in _expected().items():
            if found.get(name) != value:
                raise ValueError(
                    f"store {self._name} holds results of {name} {found.get(name)}, this is "
                    f"{name} {value}: their results cannot be mixed; use another file"
                )
        return True

    def _open(self) -> None:
        # A commit appends to a log beside the file and waits for no disk; the log is folded in when
        # the last process closes the file, or by the next one that opens it.
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            # Refused at once where another process writes; a transaction waits for it.
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("ROLLBACK")
            return self._open()
        self._db.execute("PRAGMA synchronous = NORMAL")
        with self._db:
            # Taken at once: of two processes that make the same store, one waits.
            self._db.execute("BEGIN IMMEDIATE")
            if not self._check(self._db):
                self._db.execute("CREATE TABLE randprop (name TEXT PRIMARY KEY, value TEXT)")
                self._db.executemany("INSERT INTO randprop VALUES (?, ?)", _expected().items())
                self._db.execute(
                    f"CREATE TABLE cells ({', '.join(PARAMETERS)}, {', '.join(METRICS)}, "
                    f"PRIMARY KEY ({', '.join(PARAMETERS)}))"
                )

    def check_data(self, dataset: str, digest: str) -> None:
        """Refuse data other than those that the store's cells of that name come from."""
        with self._errors():
            with self._db:
                self._db.execute(
                    "INSERT OR IGNORE INTO randprop VALUES (?, ?)", (f"data {dataset}", digest)
                )
            (found,) = self._db.execute(
                "SELECT value FROM randprop WHERE name = ?", (f"data {dataset}",)
            ).fetchone()
        if found != digest:
            raise ValueError(
                f"store {self._name} holds results of other data named {dataset}, with checksum "
                f"{found}; these data have checksum {digest}: use another file"
            )

    def find(self, cell: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the metrics of a cell, or None if it is not finished."""
        where = " AND ".join(f"{name} = ?" for name in PARAMETERS)
        with self._errors():
            row = self._db.execute(
                f"SELECT {', '.join(METRICS)} FROM cells WHERE {where}",
                [cell[name] for name in PARAMETERS],
            ).fetchone()
        return None if row is None else dict(zip(METRICS, row, strict=True))

    def add(self, cells: Iterable[Mapping[str, Any]]) -> None:
        """Keep finished cells, each with its parameters and metrics."""
        names = PARAMETERS + METRICS
        holes = ", ".join("?" for _ in names)
        for cell in cells:
            with self._errors(), self._db:
                self._db.execute(
                    f"INSERT OR REPLACE INTO cells ({', '.join(names)}) VALUES ({holes})",
                    [cell[name] for name in names],
                )

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _expected() -> dict[str, str]:
    return {"definition": DEFINITION, "schema": _SCHEMA, "randprop": _core.__version__}
