"""The verbs fit and predict: from a file of one's own to a model and to labels."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_iris

import randprop
from randprop import StepClassifier, cli

pytestmark = pytest.mark.filterwarnings("always::randprop.RandpropDataWarning")

IRIS = load_iris()
KINDS = IRIS.target_names[IRIS.target]


@pytest.fixture
def iris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = ["sl,sw,pl,pw,kind"]
    lines += [",".join([*map(str, x), k]) for x, k in zip(IRIS.data, KINDS, strict=True)]
    Path("iris.csv").write_text("\n".join(lines))
    return Path("iris.csv")


def test_fit_and_predict(iris: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fit", "iris.csv", "--out", "m"]) == 0
    said = capsys.readouterr().out
    assert said == "m: 4 features, 3 classes, 150 training samples, stages table\n"
    model = randprop.load("m")
    assert isinstance(model, StepClassifier)
    right = StepClassifier(stages="table").fit(IRIS.data, KINDS)
    np.testing.assert_array_equal(model.predict(right_frame()), right.predict(IRIS.data))
    assert cli.main(["predict", "m", "iris.csv"]) == 0
    assert capsys.readouterr().out.split() == right.predict(IRIS.data).tolist()
    arguments = ["predict", "m", "iris.csv", "--label", "kind", "--scores", "--csv"]
    assert cli.main([*arguments, "-"]) == 0
    captured = capsys.readouterr()
    rows = list(csv.reader(io.StringIO(captured.out)))
    assert rows[0] == ["label", "score setosa", "score versicolor", "score virginica"]
    scores = np.array([row[1:] for row in rows[1:]], dtype=float)
    np.testing.assert_array_equal(scores, right.decision_function(IRIS.data))
    assert captured.err == f"accuracy {right.score(IRIS.data, KINDS):.4f} on 150 samples\n"
    assert cli.main([*arguments, "out.csv"]) == 0
    assert Path("out.csv").read_text() == captured.out


def right_frame() -> Any:
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(IRIS.data, columns=["sl", "sw", "pl", "pw"])


def test_options_reach_the_classifier(iris: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--width", "64", "--seed", "5", "--readout", "ridge", "--alpha", "2", "--layers"]
    assert cli.main(["fit", "iris.csv", "--out", "m", *arguments, "1"]) == 0
    found = randprop.load("m").get_params()
    expected = {"width": 64, "random_state": 5, "readout": "ridge", "alpha": 2.0, "layers": 1}
    assert {name: found[name] for name in expected} == expected
    assert found["stages"] is None
    assert cli.main(["fit", "iris.csv", "--test", "iris.csv", "--out", "m"]) == 0
    assert "on 150 test samples" in capsys.readouterr().out
    assert cli.main(["fit", "digits", "--stages", "images", "--width", "64", "--out", "d"]) == 0
    assert "on 360 test samples" in capsys.readouterr().out


def test_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    for number in range(20):
        kind = ("low", "high")[number % 2]
        (tmp_path / "in" / kind).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 255, (12, 12), dtype=np.uint8)
        pixels[6 * (number % 2) :][:6] //= 8
        Image.fromarray(pixels).save(tmp_path / "in" / kind / f"{number}.png")
    (tmp_path / "new").mkdir()
    (tmp_path / "in" / "low" / "0.png").rename(tmp_path / "new" / "a.png")
    model = str(tmp_path / "m")
    assert cli.main(["fit", str(tmp_path / "in"), "--width", "64", "--out", model]) == 0
    assert randprop.load(model).stages == "images"
    assert cli.main(["predict", model, str(tmp_path / "new")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split() == [str(tmp_path / "new" / "a.png"), "low"]
    assert cli.main(["predict", model, str(tmp_path / "in")]) == 0
    assert "accuracy 1.0000 on 19 samples" in capsys.readouterr().err
    assert cli.main(["evaluate", "--dataset", str(tmp_path / "in"), "--width", "64"]) == 0
    captured = capsys.readouterr()
    assert "15 training and 4 test samples" not in captured.out
    assert "are used for the test, one in five of each class, drawn with seed 0" in captured.err


def test_own_data_in_the_other_verbs(iris: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = ["--dataset", "iris.csv"]
    assert cli.main(["evaluate", "--stages", "table", *own]) == 0
    assert "iris.csv: 120 training and 30 test samples, 3 classes" in capsys.readouterr().out
    arguments = ["sweep", "--layers", "0", "--width", "32", "--seeds", "2", *own]
    assert cli.main([*arguments, "--test", "iris.csv", "--no-progress"]) == 0
    assert "dataset iris.csv, n_train 150, n_test 150" in capsys.readouterr().out
    assert cli.main(["export", "model", "--stages", "table", *own, "--out", "m"]) == 0
    assert randprop.load("m").feature_names == ("sl", "sw", "pl", "pw")
    assert cli.main(["export", "c", "--stages", "table", "--width", "64", *own, "--out", "c"]) == 0
    assert (Path("c") / "model.h").is_file()


def test_warnings_are_lines(iris: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "--dataset", "iris.csv", "--width", "64"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[1].startswith("randprop: ")
    assert "units never change" in lines[1]


def test_numbers_to_predict_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("d.csv").write_text("a,b\n" + "".join(f"{i % 7},{i // 2}\n" for i in range(60)), "utf-8")
    assert cli.main(["fit", "d.csv", "--out", "m"]) == 0
    assert "30 different numbers in 60 samples" in capsys.readouterr().err


def test_export_says_what_a_model_file_was_tried_on(
    iris: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["fit", "iris.csv", "--out", "m"]) == 0
    columns = [line.split(",") for line in iris.read_text().splitlines()]
    Path("turned.csv").write_text("\n".join(",".join(row[::-1]) for row in columns))
    capsys.readouterr()
    own = ["export", "c", "--model", "m", "--dataset"]
    for name, label in (("iris.csv", "4"), ("turned.csv", "0")):  # columns are found by name
        assert cli.main([*own, name, "--label", label, "--out", "c"]) == 0
        said = capsys.readouterr().out
        assert f" on the 150 samples of {name}, perhaps its training samples" in said
        assert float(said.split()[2]) > 0.9
    assert cli.main([*own, "iris.csv", "--test", "iris.csv", "--out", "c"]) == 0
    assert "on the test samples" in capsys.readouterr().out
    readme = Path("c/README.md").read_text("utf-8")
    assert "holds only 2 whole" in " ".join(readme.split())


def test_an_interrupted_sweep_says_where_its_results_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("randprop.measure.sweep.sweep", interrupt)
    store = str(tmp_path / "cells")
    assert cli.main(["sweep", "--store", store]) == 130
    assert f"finished networks are in {store}: the same command" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "iris.cs", "--out", "m"], "iris.cs does not exist"),
        (["fit", "irix.csv", "--out", "m"], "irix.csv does not exist"),
        (["fit", "iris.csv", "--label", "kimd", "--out", "m"], "--label must be one of 'sl'"),
        (["fit", "iris.csv", "--label", "kimd", "--out", "m"], "did you mean 'kind'?"),
        (["fit", "iris.csv", "--label", "9", "--out", "m"], "--label must be a column of iris.csv"),
        (["fit", "iris.csv", "--out", "-"], "--out must be a file"),
        (["fit", "iris.csv", "--out", "m", "--stages", "tables"], "--stages"),
        (["predict", "nothing", "iris.csv"], "nothing"),
        (["predict", "iris.csv", "iris.csv"], "iris.csv is damaged, cut short, or not a safe"),
        (["predict", "model", "few.csv"], "few.csv lacks columns of the training data: 'sw'"),
        (["predict", "model", "five.csv"], "if one column holds labels, name it with --label"),
        (["predict", "model", "six.csv"], "X has 6 features, the network expects 4"),
        (["predict", "model", "notes.md"], "notes.md must be a .csv, .tsv, .txt or .npz file"),
    ],
)  # fmt: skip
def test_wrong(
    arguments: list[str], message: str, iris: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "model" in arguments:
        assert cli.main(["fit", "iris.csv", "--width", "32", "--out", "model"]) == 0
    Path("few.csv").write_text("sl,pl,pw\n1,2,3\n")
    Path("five.csv").write_text("1,2,3,4,5\n")
    Path("six.csv").write_text("1,2,3,4,5,6\n")
    Path("notes.md").write_text("1,2\n")
    try:
        assert cli.main(arguments) == 1
    except SystemExit as error:
        assert error.code == 2
    assert message in capsys.readouterr().err
    assert not Path("m").exists()


def test_export_of_a_model_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    made = ["export", "--dataset", "digits", "--width", "64", "--weight-bits", "4"]
    assert cli.main([*made[:1], "model", *made[1:], "--out", "m.safetensors"]) == 0
    assert cli.main([*made[:1], "c", *made[1:], "--out", "one"]) == 0
    first = capsys.readouterr().out.splitlines()[-1]
    stored = ["export", "c", "--model", "m.safetensors", "--dataset", "digits", "--out", "two"]
    assert cli.main(stored) == 0
    assert capsys.readouterr().out.strip() == first.replace("one", "two")
    one, two = (
        {path.name: path.read_bytes() for path in Path(name).iterdir()} for name in ("one", "two")
    )
    assert one == two


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            ["--layers", "2"],
            "--layers cannot be given with --model, which has its own network and readout",
        ),
        (["--readout", "ridge"], "--readout cannot be given with --model"),
        (
            ["--dataset", "mnist"],
            "--dataset must have samples of 64 features, as the model expects",
        ),
    ],
)
def test_export_of_a_model_file_refuses(
    more: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    randprop.save(randprop.StepClassifier(width=64).fit(*randprop.datasets.load_digits()[:2]), "m")
    # The last of two counts.
    arguments = ["export", "c", "--model", "m", "--out", "two", "--dataset", "digits"]
    with pytest.raises(SystemExit) as ended:
        cli.main([*arguments, *more])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not Path("two").exists()
