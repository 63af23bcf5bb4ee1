"""What the command says where something is wrong, and when; and what its help says of defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from randprop import cli


@pytest.mark.parametrize("text", ["", "a", "3-", "-3", "1,,2", "5-2", "1.5"])
def test_bad_layers(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["evaluate", f"--layers={text}"])
    assert caught.value.code == 2
    assert "such as 3, 0-15 or 0,1,5-8" in capsys.readouterr().err


def refused(*arguments: str) -> None:
    """Run a command of which an argument is wrong."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2


def test_errors_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    refused("evaluate", "--dataset", "mnits")
    captured = capsys.readouterr()
    assert captured.out == ""
    line, *more = captured.err.splitlines()
    assert line.startswith("randprop evaluate: --dataset must be one of 'mnist'")
    assert line.endswith("; did you mean 'mnist'?")
    assert more == ["For help: randprop evaluate --help"]
    assert cli.main(["evaluate", "--dataset", "digits", "--json", "/nonexistent/x.json"]) == 1
    assert "the folder of /nonexistent/x.json does not exist" in capsys.readouterr().err


EVERY_VERB = cli.make_parser(tuple(cli.VERBS))[1]


@pytest.mark.parametrize("verb", EVERY_VERB)
def test_help_tells_every_default(verb: str) -> None:
    for action in EVERY_VERB[verb].added:
        text = EVERY_VERB[verb].format_help()
        flag = action.nargs == 0 or not action.option_strings or action.required
        told = EVERY_VERB[verb]._get_formatter()._expand_help(action)
        assert told, action.dest
        assert " ".join(told.split())[:20] in " ".join(text.split())
        if not flag and action.dest not in ("json", "csv", "plot", "markdown"):  # written or not
            assert "default" in told, action.dest
        if action.default is not None and action.default is not False:
            assert str(action.default) in told, action.dest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--threads", "0"], "--threads must be at least 1, or negative"),
        (["evaluate", "--threads", "x"], "--threads: expected an integer, got 'x'"),
        (["evaluate", "--seed", "-1"], "--seed must lie in [0, 18446744073709551615], got -1"),
        (["evaluate", "--width", "0"], "--width: expected a width or a list"),
        (["evaluate", "--weight-bits", "3"], "--weight-bits: expected one of 1, 2, 4, 8, 24, got"),
        (["evaluate", "--activation", "stepp"], "got 'stepp'; did you mean 'step'?"),
        (["evaluate", "--n-neighbors", "0", "--readout", "knn"], "--n-neighbors must lie in [1, "),
        (["evaluate", "--alpha", "-1", "--readout", "ridge"], "--alpha must be"),
        (["evaluate", "--readout", "discriminent"], "; did you mean 'discriminant'?"),
        (["evaluate", "--scaling", "feature"], "--scaling must be 'range', 'features'"),
        (["evaluate", "--stages", "images", "--layers", "2"], "--stages and --layers cannot both"),
        (["evaluate", "--input-shape", "2,x"], "--input-shape: expected an integer, got 'x'"),
        (["evaluate", "--layers", "0-99999999999"], "--layers: expected a range of at most"),
        (["evaluate", "--json", ""], "--json: expected a path"),
        (["evaluate", "--laers", "3"], "unrecognized arguments: --laers 3; did you mean '--laye"),
        (["evaluate", "--label", "2"], "--label is for your own data, not for the data set digits"),
        (["evalute"], "expected one of evaluate, sweep, study, fit, predict, export, demo, bench,"),
        (["evalute"], "got 'evalute'; did you mean 'evaluate'?"),
        (["sweep", "--layers", "x"], "--layers: expected a number, a range or a list"),
        (["sweep", "--width", "a"], "--width: expected a width or a list"),
        (["sweep", "--seeds", "0"], "--seeds must lie in"),
        (["sweep", "--readout", "svm"], "--readout must be one of"),
        (["sweep", "--jobs", "0"], "--jobs must be at least 1, or negative"),
        (["sweep", "--weight-bits", "3"], "--weight-bits must be one of 1, 2, 4, 8, 24, got 3"),
        (["sweep", "--n-train", "0"], "--n-train must lie in [1, "),
        (["sweep", "--activation", "relu", "--weights", "ternary"], "--activation 'relu' takes"),
        (["sweep", "--store", "-"], "--store must be a file"),
        (["sweep", "--jobs", "2", "--scheduler", "tcp://x:1"], "--jobs is for this machine, and"),
        (["sweep", "--dataset", "digits,x.csv"], "--dataset must be one file or folder of"),
        (["export", "c", "--self-test", "0", "--out", "x"], "--self-test must lie in [1, 360]"),
        (["export", "c", "--bits", "9", "--out", "x"], "--bits must lie in [1, 8], or be"),
        (["export", "c", "--bits", "x", "--out", "x"], "--bits: expected ternary or an integer"),
        (["export", "c", "--out", "-"], "--out: expected a path, got - for standard output"),
        (["export", "c"], "the following arguments are required: --out"),
        (["export", "cc", "--out", "x"], "format: expected one of c, onnx, model, got 'cc'"),
        (["study", "--seeds", "0"], "--seeds must lie in [1, 100000], got 0"),
        (["study", "--only", "depth"], "--only must be one of 'accuracy'"),
        (["bench", "hammin"], "only: expected one of propagate, "),
        (["bench", "--json", "-", "--markdown", "-"], "cannot both be standard output"),
        (["fit", "digits", "--layers", "-1", "--out", "x"], "--layers must be an int in the range"),
        (["fit", "digits", "--threads", "0", "--out", "x"], "--threads must be at least 1, or"),
        (["fit", "digits", "--seed", "-1", "--out", "x"], "--seed must"),
        (["fit", "digits", "--width", "0", "--out", "x"], "--width: expected a width"),
        (["fit", "digits", "--readout", "svm", "--out", "x"], "--readout must be one of"),
    ],
)  # fmt: skip
def test_wrong_values_name_the_option(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("1,2\n" * 10)
    if arguments[0] in ("evaluate", "sweep", "export") and "--dataset" not in arguments:
        arguments = [*arguments, "--dataset", "digits"]
    refused(*arguments)
    captured = capsys.readouterr()
    assert captured.out == ""
    first, *more = captured.err.splitlines()
    assert message in first
    assert len(more) == 1
    assert "n_threads" not in first


def test_what_is_no_option_is_no_usage(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An error in the data is no error of an option."""
    (tmp_path / "d.csv").write_text("a,b\n1,x\n2\n")
    assert cli.main(["evaluate", "--dataset", str(tmp_path / "d.csv")]) == 1
    assert "line 3 has 1 cells, expected 2" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["evaluate", "sweep", "bench", "export", "fit", "study"])
def test_what_cannot_be_written_is_found_first(
    verb: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cli.VERBS, verb, cli.VERBS[verb]._replace(run=_computed))
    option = {"evaluate": "--json", "sweep": "--csv", "bench": "--markdown"}.get(verb, "--out")
    first = {"export": ["export", "model"], "fit": ["fit", "digits"]}.get(verb, [verb])
    (tmp_path / "file").write_text("x")
    if verb == "export":  # of a file or a folder, which the verb itself knows
        monkeypatch.undo()
        monkeypatch.setattr("randprop.model.recipes.fit_model", _computed)
    wrong = [tmp_path / "file" / "x"]
    wrong += [] if verb == "study" else [tmp_path, tmp_path / "no" / "such"]
    for path in wrong:
        assert cli.main([*first, option, str(path)]) == 1
        assert capsys.readouterr().err.startswith(f"randprop: {option}: ")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "x"


def _computed(*_: object, **__: object) -> None:
    raise AssertionError("it has begun to compute")
