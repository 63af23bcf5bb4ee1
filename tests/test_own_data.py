"""Files and folders of one's own: read, parted, measured; what is wrong is told by its place."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import randprop
from randprop import datasets
from randprop.datasets.own import is_own, read_own, read_parts, read_samples
from randprop.datasets.splitting import split_by_class

RNG = np.random.default_rng(11)
LABELS = np.array(["ash", "oak", "fir"])[np.arange(60) % 3]
VALUES = RNG.normal(size=(60, 4)) + np.eye(3, 4)[np.arange(60) % 3] * 3
ROWS = list(zip(VALUES, LABELS, strict=True))


def table(path: Path, text: str) -> Path:
    path.write_text(text, newline="")
    return path


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    rows = [",".join([*map(repr, map(float, row)), name]) for row, name in ROWS]
    return table(tmp_path / "trees.csv", "\n".join(["a,b,c,d,tree", *rows]))


def folder_of_images(folder: Path, n: int = 10, size: tuple[int, int] = (6, 8)) -> Path:
    for number in range(n):
        kind = ("dark", "light")[number % 2]
        (folder / kind).mkdir(parents=True, exist_ok=True)
        pixels = np.full(size, 20 + 200 * (number % 2), dtype=np.uint8)
        pixels[number % size[0]] = number
        Image.fromarray(pixels).save(folder / kind / f"{number:03}.png")
    return folder


def test_csv(trees: Path) -> None:
    X, y, names = datasets.load_csv(trees)
    np.testing.assert_array_equal(X, VALUES)
    assert (y.tolist(), names) == (LABELS.tolist(), ("a", "b", "c", "d"))


@pytest.mark.parametrize(
    ("text", "options", "X", "y", "names"),
    [
        ("1,2,0\n3,4,1\n", {}, [[1, 2], [3, 4]], [0, 1], None),
        ("1;2;0\r\n3;4;1\r\n", {}, [[1, 2], [3, 4]], [0, 1], None),
        ("1\t2\tx y\n3\t4\tz\n\n", {}, [[1, 2], [3, 4]], ["x y", "z"], None),
        ("\ufeffa,b\n1,0.5\n2,1.5", {}, [[1], [2]], [0.5, 1.5], ("a",)),
        # Names that are numbers, above labels that are.
        ("0,1,label\n5,6,7\n", {}, [[5, 6]], [7], ("0", "1")),
        ("0,1,2\n5,6,7\n", {"header": True}, [[5, 6]], [7], ("0", "1")),
        ("1,2,a\n3,4,b\n", {}, [[1, 2], [3, 4]], ["a", "b"], None),
        ("y,b\n1,0\n2,1", {"label": "y"}, [[0], [1]], [1, 2], ("b",)),
        ("7,1,2\n8,3,4", {"label": 0}, [[1, 2], [3, 4]], [7, 8], None),
        ("7,1,2\n8,3,4", {"label": None}, [[7, 1, 2], [8, 3, 4]], None, None),
        ('"a, b",c\n"1",x\n 2, "NA"', {}, [[1], [2]], ["x", "NA"], ("a, b",)),
        ("1|-2e3|+4\n3|inf_|5", {"label": 1, "delimiter": "|"}, [[1, 4], [3, 5]], ["-2e3", "inf_"],
         None),
    ],
)  # fmt: skip
def test_csv_forms(text: str, options: Any, X: Any, y: Any, names: Any, tmp_path: Path) -> None:
    found = datasets.load_csv(table(tmp_path / "t.csv", text), **options)
    np.testing.assert_array_equal(found.X, X)
    assert found.X.dtype == np.float64
    assert (None if found.y is None else found.y.tolist(), found.feature_names) == (y, names)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "holds no lines"),
        ("a,b\n", {}, "holds no samples, only names"),
        ("1,2,3\n4,5\n", {}, "line 2 has 2 cells, expected 3"),
        ('a,b,c\n1,2,3\n"4\n",5,x,6\n', {}, "line 4 has 4 cells, expected 3"),
        ("a,b,y\n1,red,0\n2,blue,1\n", {}, "line 2, column 2 ('b') holds 'red', which is not a "
         "number: encode text as numbers first"),
        ("1,2,0\n1,2_0,0\n", {}, "line 2, column 2 holds '2_0', which is not a number"),
        ("a,b,y\n1,2,0\n3,,0\n", {}, "line 3, column 2 ('b') holds nothing: fill missing values"),
        ("a,b,y\n1,2,0\n3,NA,0\n", {}, "line 3, column 2 ('b') holds 'NA': fill missing values"),
        ("1,2,0\n\n3,nan,0\n", {}, "line 3, column 2 holds nan: fill missing values"),
        ("1,2,0\n3,1e999,0\n", {}, "line 2, column 2 holds inf: fill missing values"),
        ("1,5;2;0\n", {}, "line 1, column 1 holds '1,5': write numbers with a point"),
        ("1,,0\n3,4,0\n", {}, "line 1, column 2 holds nothing"),
        (",a,y\n0,1,0\n", {}, "column 1 has no name; if it is the index that pandas writes"),
        ("a,a,y\n0,1,0\n", {}, "two columns have the name 'a'"),
        ("1,2,0\n3,4,\n", {}, "line 2, column 3: the label is missing"),
        ("1,2\n", {"label": "tree"}, "label is the name 'tree', but"),
        ("a,tree\n1,2\n", {"label": "treee"}, "; did you mean 'tree'?"),
        ("1,2\n", {"label": 2}, "label must be a column of"),
        ("1\n2\n", {}, "has no column of features beside the labels"),
        ("1,2\n", {"delimiter": ",,"}, "delimiter must be one of"),
        ("1,2\n", {"header": "yes"}, "header must be True or False"),
        ("1,2\n", {"label": 1.5}, "label must be an integer"),
    ],
)  # fmt: skip
def test_wrong_csv(text: str, options: Any, message: str, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", text)
    with pytest.raises((ValueError, TypeError)) as caught:
        datasets.load_csv(path, **options)
    assert message in str(caught.value)
    if "line" in message:
        assert str(path) in str(caught.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"1,2\n\xff\xfe,3\n")
    with pytest.raises(ValueError, match="is not text in UTF-8"):
        datasets.load_csv(tmp_path / "t.csv")


def test_images(tmp_path: Path) -> None:
    folder = folder_of_images(tmp_path / "images", 20)
    (folder / "dark" / ".hidden").write_text("x")
    X_train, y_train, X_test, y_test = datasets.load_images(folder)
    assert (X_train.shape, X_test.shape, X_train.dtype) == ((16, 6, 8), (4, 6, 8), np.uint8)
    assert sorted(y_test) == ["dark", "dark", "light", "light"]
    assert (X_train[y_train == "light"].max(axis=(1, 2)) == 220).all()
    again = datasets.load_images(folder, seed=1)
    assert not np.array_equal(again.X_test, X_test)
    small = datasets.load_images(folder, size=(3, 4))
    assert small.X_train.shape == (16, 3, 4)
    result = randprop.evaluate(stages="images", dataset=datasets.load_images(folder), width=64)
    assert result.n_test == 4


def test_images_in_colour_and_in_parts(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    for part, n in (("train", 6), ("test", 4)):
        folder_of_images(folder / part, n)
    palette = Image.new("RGB", (8, 6), (250, 0, 10)).quantize(4)
    palette.save(folder / "train" / "dark" / "red.gif")
    Image.new("RGBA", (8, 6), (1, 2, 3, 0)).save(folder / "test" / "dark" / "x.png")
    data = datasets.load_images(folder)
    assert (data.X_train.shape, data.X_test.shape) == ((7, 6, 8, 3), (5, 6, 8, 3))
    np.testing.assert_array_equal(data.X_train[data.y_train.tolist().index("dark") + 3][0, 0],
                                  [250, 0, 10])  # fmt: skip
    assert data.X_test[2, 0, 0].tolist() == [1, 2, 3]
    assert (data.X_train[0, :, :, 0] == data.X_train[0, :, :, 2]).all()


def test_wrong_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of_images(tmp_path / "images")
    wrong = folder / "dark" / "z.png"
    Image.fromarray(np.zeros((7, 8), np.uint8)).save(wrong)
    with pytest.raises(
        ValueError, match=r"must have the same size, but .*000.png has 6 x 8 .* 7 x 8"
    ):
        datasets.load_images(folder)
    Image.fromarray(np.zeros((6, 8), np.uint16)).save(wrong)
    with pytest.raises(ValueError, match="has pixels of kind 'I;16'"):
        datasets.load_images(folder)
    wrong.write_bytes(b"no image")
    with pytest.raises(ValueError, match="z.png is not an image that Pillow can read"):
        datasets.load_images(folder)
    whole = (folder / "dark" / "000.png").read_bytes()
    wrong.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="z.png is"):
        datasets.load_images(folder)
    wrong.rename(folder / "dark" / "notes.txt")
    with pytest.raises(ValueError, match=r"notes.txt is not an image: expected .png"):
        datasets.load_images(folder)
    (folder / "dark" / "notes.txt").unlink()
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no images"):
        datasets.load_images(folder)
    with pytest.raises(ValueError, match="must hold one folder of images for each class"):
        datasets.load_images(folder / "empty")
    with pytest.raises(FileNotFoundError):
        datasets.load_images(tmp_path / "nothing")
    folder = folder_of_images(tmp_path / "more")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=r"pip install 'randprop\[images\]'"):
        datasets.load_images(folder)


def test_a_split_holds_every_class() -> None:
    y = np.repeat(["a", "b", "c"], [10, 4, 27])
    X = np.arange(41)[:, None]
    split = split_by_class(X, y, 3)
    found = {name: int((split.y_test == name).sum()) for name in "abc"}
    assert found == {"a": 2, "b": 0, "c": 5}
    assert sorted([*split.X_train[:, 0], *split.X_test[:, 0]]) == list(range(41))
    assert (np.diff(split.X_train[:, 0]) > 0).all()
    # Known numbers: the split of a file never changes.
    assert split.X_test[:, 0].tolist() == split_by_class(X, y, 3).X_test[:, 0].tolist()
    with pytest.raises(ValueError, match="at least one class must have 5 samples"):
        split_by_class(X[:4], y[:4], 0)


def test_npz(tmp_path: Path) -> None:
    path = str(tmp_path / "d.npz")
    np.savez(path, X=VALUES, y=LABELS)
    data = read_own(path)
    assert (len(data.X_train), len(data.X_test), data.name, data.drawn) == (48, 12, path, 0)
    np.savez(path, X_train=VALUES, y_train=LABELS, x_test=VALUES[:5], y_test=LABELS[:5])
    data = read_own(path)
    assert (len(data.X_train), len(data.X_test), data.drawn) == (60, 5, None)
    assert read_samples(path, label=None).y is None
    assert len(read_samples(path, label=None).X) == 5
    np.savez(path, a=VALUES)
    with pytest.raises(ValueError, match="must hold x_train, y_train, x_test and y_test, or X and"):
        read_own(path)
    np.savez(path, X=VALUES)
    with pytest.raises(ValueError, match="holds no labels"):
        read_own(path)
    np.savez(path, X=VALUES, y=LABELS.astype(object))
    with pytest.raises(ValueError, match="arrays of objects are not read"):
        read_own(path)
    Path(path).write_bytes(b"PK\x03\x04 no zip")
    with pytest.raises(ValueError, match=r"is not a \.npz file, or is damaged"):
        read_own(path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_own(str(tmp_path / "none.npz"))


def test_a_csv_file_is_not_held_as_text(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    row = ",".join(f"{i / 997:.12f}" for i in range(200))
    path.write_text(f"{row},a\n{row},b\n" * 400, "utf-8")
    tracemalloc.start()
    try:
        X, _, _ = datasets.load_csv(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * X.nbytes < path.stat().st_size


def test_decimal_commas_are_told_also_where_all_columns_have_them(tmp_path: Path) -> None:
    path = tmp_path / "de.csv"
    path.write_text("Säure;Länge;Art\n1,71;14,2;a\n2,3;13,25;b\n", "utf-8")
    with pytest.raises(ValueError, match=r"line 2, column 1 \('Säure'\) holds '1,71': .* a comma"):
        datasets.load_csv(path)


def test_targets_of_a_regression_are_no_classes(tmp_path: Path) -> None:
    path = str(tmp_path / "d.npz")
    np.savez(path, X=VALUES, y=np.arange(60) + 0.5)
    message = r"must have classes as labels, got 60 different .* such as 0\.5; .*StepRegressor"
    with pytest.raises(ValueError, match=message):
        read_own(path)
    for y in (np.arange(60) % 3 + 0.5, np.arange(60) // 2 * 1.0):  # grades, and whole numbers
        np.savez(path, X=VALUES, y=y)
        assert read_parts(path)[0].y.tolist() == y.tolist()


def test_own_data_have_the_name_of_their_file(trees: Path) -> None:
    data = read_own(str(trees))
    result = randprop.evaluate(0, dataset=data, width=32)
    assert result.dataset == str(trees)
    plain = randprop.evaluate(0, dataset=tuple(data), width=32)
    assert (plain.dataset, plain.accuracy) == ("arrays", result.accuracy)
    rows = randprop.sweep([0, 1], dataset=data, width=32, seeds=1, progress=False).rows
    assert [row["dataset"] for row in rows] == [str(trees)] * 2
    assert rows[0]["accuracy"] == result.accuracy


def test_columns_are_found_by_name(trees: Path, tmp_path: Path) -> None:
    other = table(tmp_path / "o.csv", "d,x,c,a,b\n4,text,3,1,2\n")
    assert read_samples(str(other), label=None, wanted=list("abcd")).X.tolist() == [[1, 2, 3, 4]]
    with pytest.raises(ValueError, match="lacks columns of the training data: 'e'"):
        read_samples(str(other), label=None, wanted=list("abe"))
    train, test = read_parts(str(trees), test=str(trees))
    assert test is not None
    np.testing.assert_array_equal(train.X, test.X)


def test_what_names_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not is_own("mnits")
    (tmp_path / "mnits").mkdir()
    assert is_own("mnits")
    assert is_own("a.CSV")
    assert is_own("a/b")
