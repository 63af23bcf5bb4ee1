"""The command line, as a process of its own and in this one."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import randprop
from helpers import HANG
from randprop import __main__, cli, evaluate


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "randprop", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=HANG,
        check=False,
    )


def test_evaluate_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = run(
        "evaluate", "--layers", "1", "--dataset", "digits", "--seed", "2", "--json", str(out)
    )
    assert (done.returncode, done.stderr) == (0, "")
    expected = evaluate(1, dataset="digits", seed=2)
    assert f"accuracy                      {expected.accuracy:.4f}" in done.stdout
    content = json.loads(out.read_text())
    assert content["confusion_matrix"] == expected.confusion_matrix.tolist()
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_evaluate_several_depths(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    arguments = ["evaluate", "--layers", "0-2,4", "--dataset", "digits", "--width", "96"]
    assert (
        cli.main([*arguments, "--weight-bits", "2", "--activation", "sign", "--json", str(out)])
        == 0
    )
    content = json.loads(out.read_text())
    assert [one["layers"] for one in content] == [0, 1, 2, 4]
    text = capsys.readouterr().out
    for one in content:
        assert f"{one['accuracy']:.4f}" in text
        assert (one["weight_bits"], one["activation"], one["widths"][-1]) == (2, "sign", 96)


@pytest.mark.parametrize("stages", ["images", "Conv2D(32, kernel=3, fan_in=4, pool=2), 99"])
def test_stages(stages: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    arguments = ["--stages", stages, "--dataset", "digits", "--thresholds", "calibrated"]
    assert cli.main(["evaluate", *arguments, "--scaling", "binary", "--json", str(out)]) == 0
    (content,) = [json.loads(out.read_text())]
    chain = stages if stages == "images" else [randprop.Conv2D(32, 3, fan_in=4, pool=2), 99]
    expected = evaluate(stages=chain, dataset="digits", scaling="binary", thresholds="calibrated")
    assert content["accuracy"] == expected.accuracy
    assert content["chain"] == list(expected.chain)
    text = capsys.readouterr().out
    assert "features scaled by BinaryScaling(4.0)" in text
    assert ("network for images: Conv2D(" in text) == (stages == "images")
    model = tmp_path / "model"
    arguments += ["--scaling", "binary", "--width", "64", "--out", str(model)]
    assert cli.main(["export", "model", *arguments]) == 0
    assert randprop.load(model).scaling == randprop.BinaryScaling(4.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stages", "pictures"], "expected images, series or table, or a list of stages, got"),
        (["--stages", "images", "--layers", "3"], "stages and --layers cannot both be given"),
        (["--stages", "images", "--scaling", "minmax"], "scaling must be 'range'"),
        (["--stages", "images", "--thresholds", "x"], "expected calibrated or a number"),
        (["--alpha", "x"], "expected auto or a number, got"),
    ],
)
def test_bad_stages(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        assert cli.main(["evaluate", "--dataset", "digits", *arguments]) == 1
    except SystemExit as error:
        assert error.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "depths"), [("3", 3), ("0-3", [0, 1, 2, 3]), ("0,2", [0, 2]), ("4-4", [4])]
)
def test_layers(text: str, depths: object) -> None:
    assert cli.depths(text) == depths


def test_json_goes_to_standard_output_alone(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--dataset", "digits", "--width", "32", "--layers", "0,1"]
    assert cli.main(["evaluate", *arguments, "--json", "-"]) == 0
    captured = capsys.readouterr()
    assert [one["layers"] for one in json.loads(captured.out)] == [0, 1]
    assert "hidden layers" in captured.err
    assert cli.main(["sweep", *arguments, "--seeds", "1", "--csv", "-"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("dataset,n_train,")
    done = run("info", "--json", "-")  # of a process, to which it is a file
    assert "simd_in_use" in json.loads(done.stdout)
    assert done.stderr == ""


def test_one_seed_has_no_interval(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--layers", "0,1", "--dataset", "digits", "--width", "32", "--seeds", "1"]
    assert cli.main(["sweep", *arguments, "--no-progress"]) == 0
    text = capsys.readouterr().out
    assert "nan" not in text
    assert text.splitlines()[-1].split()[-2:] == ["-", "-"]


@pytest.mark.parametrize("columns", [40, 60, 200])
def test_tables_fit_the_terminal(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    arguments = ["--dataset", "digits", "--width", "32"]
    for more in (
        ["evaluate", *arguments],
        ["evaluate", "--layers", "0-2", *arguments],
        ["sweep", "--seeds", "1", *arguments],
        ["info"],
    ):
        assert cli.main(more) == 0
        text = capsys.readouterr().out
        assert max(map(len, text.splitlines())) <= columns
        assert columns > 100 or "\n\n" in text or "\n  " in text
    monkeypatch.delenv("COLUMNS")
    assert cli.main(["evaluate", *arguments]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) > 75  # to no terminal


def test_completion(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shell asks with _ARGCOMPLETE; what it may offer is all verbs and their options."""
    out = tmp_path / "out"

    def complete(line: str) -> set[str]:
        run(
            **{
                "_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(out), "COMP_LINE": line,
                "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n", "COMP_TYPE": "9",
            }
        )  # fmt: skip
        return {word.strip() for word in out.read_text().splitlines()}

    assert {"evaluate", "export"} <= complete("randprop e")
    assert {"--layers", "--label"} <= complete("randprop evaluate --la")
    assert {"step"} <= complete("randprop evaluate --activation st")
    assert "PYTHON_ARGCOMPLETE_OK" in Path(__main__.__file__).read_text()[:1024]
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    assert cli.main([]) == 0  # without it there is nothing to complete


def test_info() -> None:
    done = run("info", "--json")
    content = json.loads(done.stdout)
    wanted = os.environ.get("RANDPROP_SIMD") or content["simd_supported"][-1]
    assert content["simd_in_use"] == wanted
    forced = json.loads(run("info", "--json", RANDPROP_SIMD="scalar").stdout)
    assert forced["simd_in_use"] == "scalar"
    assert "simd_in_use" in run("info").stdout


def test_wrong_environment() -> None:
    done = run("info", RANDPROP_SIMD="sse9")
    assert done.returncode == 1
    assert "RANDPROP_SIMD='sse9' is not a SIMD level of this build; valid: scalar" in done.stderr
    done = run("evaluate", "--dataset", "digits", RANDPROP_NUM_THREADS="-2")
    assert done.returncode == 1
    assert "RANDPROP_NUM_THREADS must lie in [1, 4096], got -2" in done.stderr


def test_version_and_help() -> None:
    import randprop

    assert run("--version").stdout == f"randprop {randprop.__version__}\n"
    text = run("--help").stdout
    assert "evaluate" in text
    assert "info" in text
    assert run().stdout == text


@pytest.mark.parametrize("columns", ["50", "120", "0", "-3", "x", ""])
def test_help_is_as_wide_as_the_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert cli.columns() == shutil.get_terminal_size().columns
    whole, verbs = cli.make_parser(["evaluate"])
    # An option is not cut: that of the bits of a weight takes 27 places beside the usage.
    for parser in [whole] if columns == "50" else [whole, verbs["evaluate"]]:
        assert max(map(len, parser.format_help().splitlines())) <= cli.columns() - 2


def test_the_process_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the command's exit status, and collects garbage while the command runs."""
    seen: list[bool] = []
    monkeypatch.setattr(cli, "main", lambda: 3 if seen.append(gc.isenabled()) is None else 0)
    try:
        assert __main__.run() == 3
        assert seen == [True]
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m randprop info | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_sweep_prints_means_and_resumes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = [
        "sweep", "--layers", "0,2", "--dataset", "digits", "--width", "32,64", "--weight-bits",
        "1", "--activation", "step,sign", "--readout", "centroid,ridge", "--seeds", "3-4",
        "--store", str(tmp_path / "cells.sqlite"), "--csv", str(tmp_path / "cells.csv"),
        "--no-progress",
    ]  # fmt: skip
    assert cli.main(arguments) == 0
    first = capsys.readouterr().out
    lines = first.splitlines()
    assert lines[0].startswith("dataset digits, n_train 1437, n_test 360, weight_bits 1")
    assert lines[2].split() == [
        "width", "activation", "readout", "layers", "n_seeds", "accuracy", "sd", "ci95",
    ]  # fmt: skip
    assert len(lines) == 3 + 16
    expected = evaluate(
        2, dataset="digits", width=64, weight_bits=1, activation="sign", readout="ridge", seed=3
    )
    rows = (tmp_path / "cells.csv").read_text().splitlines()
    assert len(rows) == 1 + 32
    assert any(f"sign,ridge,3,2,{expected.accuracy}" in row for row in rows)
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == first


def test_study_writes_a_report(
    small_mnist: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "report"
    arguments = ["study", "--seeds", "1", "--only", "accuracy", "--out", str(out), "--no-progress"]
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == f"{out / 'report.html'}\n"
    content = json.loads((out / "numbers.json").read_text())
    depths = content["numbers"]["accuracy"]["accuracy"]
    expected = evaluate(range(16))
    assert depths["mean"] == [result.accuracy for result in expected]
    assert content["about"]["command"] == "randprop study --seeds 1 --only accuracy"
    with pytest.raises(SystemExit, match="2"):
        cli.main(["study", "--only", "acuracy", "--out", str(tmp_path / "other")])
    assert "--only must be one of 'accuracy'" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("kind", ["onnx", "model"])
def test_export_to_files(kind, tmp_path, capsys):
    out = tmp_path / "digits"
    call = ["export", kind, "--dataset", "digits", "--width", "64", "--out", str(out)]
    assert cli.main(call) == 0
    plain = capsys.readouterr().out
    assert cli.main([*call, "--bits", "1"]) == 0
    assert "on the test samples" in plain
    assert plain != capsys.readouterr().out
    if kind == "model":
        X, y = randprop.datasets.load_digits()[2:]
        assert randprop.load(out).readout.bits == 1
        assert randprop.load(out).score(X, y) > 0.5
    assert cli.main([*call, "--out", str(tmp_path / "no" / "such")]) == 1
