"""NumPy alone: what works with it, with the same results, and what says which package it needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import lapack

import numpy_alone
import randprop
from helpers import HANG
from randprop import _core
from randprop.measure.student import student_half_width
from randprop.readouts import factors
from randprop.readouts.factors import factor

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent

# Of a process that sees the standard library, NumPy and this package, wherever the package and its
# compiled module lie.
ALONE = f"""
import numpy
from importlib.util import module_from_spec, spec_from_file_location
def load(name, path, folders):
    spec = spec_from_file_location(name, path, submodule_search_locations=folders)
    sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
load("randprop._core", {_core.__file__!r}, None)
load("randprop", {randprop.__file__!r}, {list(randprop.__path__)!r})
import randprop
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder that holds NumPy and nothing else that can be imported."""
    numpy = Path(np.__file__).parent
    for path in (numpy, numpy.with_name("numpy.libs")):
        if path.exists():
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


def alone(folder: Path, code: str, *arguments: str) -> str:
    """Return what code prints where there is NumPy alone."""
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{ALONE}\n{code}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, *arguments],
        capture_output=True, text=True, timeout=HANG, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_numpy_alone_gives_the_same(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Bits, class means, tables, files; labels and accuracies of what is solved for."""
    script = Path(numpy_alone.__file__)
    run = f"sys.path.insert(0, {str(script.parent)!r}); import json, numpy_alone\n"
    run += "from pathlib import Path; print(json.dumps(numpy_alone.everything(Path(sys.argv[1]))))"
    run += "\nassert not {'scipy', 'sklearn', 'joblib', 'threadpoolctl'} & set(sys.modules)"
    found = json.loads(alone(folder, run, str(tmp_path_factory.mktemp("alone"))))
    assert found == numpy_alone.everything(tmp_path_factory.mktemp("whole"))


NEEDS = {
    "randprop.StepClassifier": ("an estimator", "scikit-learn", "learn"),
    "__import__('randprop.estimators')": ("an estimator", "scikit-learn", "learn"),
    "randprop.datasets.load_digits()": ("load_digits", "scikit-learn", "learn"),
    "randprop.evaluate(dataset='digits')": ("load_digits", "scikit-learn", "learn"),
    "randprop.reference": ("randprop.reference", "numba", "reference"),
    "randprop.sweep([0], n_jobs=2)": ("n_jobs", "joblib", "parallel"),
    "randprop.fit_parallel(NETWORK, [], [], n_jobs=-1)": ("n_jobs", "joblib", "parallel"),
    "randprop.export_onnx(None, 'file')": ("export_onnx", "onnx", "onnx"),
    "randprop.SweepResult([]).to_pandas()": ("to_pandas", "pandas", "frame"),
    "randprop.SweepResult([]).plot()": ("plot", "matplotlib", "plot"),
    "randprop.datasets.load_images('digits')": ("a folder of images", "pillow", "images"),
    "randprop.study.run_study('report')": ("the study", "matplotlib", "plot"),
}


def test_what_is_missing_is_named_with_its_extra(folder: Path) -> None:
    code = f"""
import randprop.study
NETWORK = randprop.StepNetwork(4)
for call in {list(NEEDS)!r}:
    try:
        eval(call)
    except ImportError as error:
        print(error)
"""
    for name in ("a", "b"):
        (folder / "digits" / name).mkdir(parents=True)
        for number in range(2):
            (folder / "digits" / name / f"{number}.png").touch()
    said = alone(folder, f"import os; os.chdir({str(folder)!r}){code}").splitlines()
    assert said == [
        f"{what} needs {package}; install it: pip install 'randprop[{extra}]'"
        for what, package, extra in NEEDS.values()
    ]


def test_the_command_says_so_before_it_begins(folder: Path) -> None:
    code = """
from randprop import cli, datasets
def load(name): raise AssertionError("data were read")
datasets.load_mnist = load
for line in (["export", "onnx", "--out", "x"], ["sweep", "--jobs", "2", "--no-progress"],
             ["study"], ["bench", "accuracy"]):
    sys.stderr = sys.stdout
    try:
        assert cli.main(line) == 1
    except SystemExit as ended:  # an option is the reason, and named
        assert ended.code == 2 and "--jobs" in line
"""
    said = alone(folder, code)
    for package in ("onnx", "joblib", "matplotlib", "scikit-learn"):
        assert f"needs {package}; install it: pip install 'randprop[" in said


def test_everything_that_is_there_is_imported_by_a_star(folder: Path) -> None:
    code = "found = {}; exec('from randprop import *', found); print(*found)"
    left_out = {"StepClassifier", "StepRegressor", "StepTransformer", "reference"}
    there = set(alone(folder, code).split()) - {"__builtins__"}
    assert there == set(randprop.__all__) - left_out
    assert left_out <= set(randprop.__all__)


def test_the_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [line.partition(">")[0] for line in project["dependencies"]] == ["numpy"]
    extras = project["optional-dependencies"]
    for _, package, extra in NEEDS.values():
        assert any(line.startswith(f"{package}>=") for line in extras[extra])
    everyone = {extra for _, _, extra in NEEDS.values()} | {"progress", "completion"}
    (whole,) = extras["all"]
    assert set(whole.removeprefix("randprop[").removesuffix("]").split(",")) == everyone


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 300])
@pytest.mark.parametrize("eigenvalue", [1.0, 1e-9, 1e-16])
def test_factors_of_numpy_are_those_of_lapack(
    monkeypatch: pytest.MonkeyPatch, n: int, eigenvalue: float
) -> None:
    rng = np.random.default_rng(n)
    basis, _ = np.linalg.qr(rng.normal(size=(n, n)))
    matrix = (basis * np.geomspace(1.0, eigenvalue, n)) @ basis.T
    matrix, right = (matrix + matrix.T) / 2, rng.normal(size=(n, 3))
    norm = float(np.abs(matrix).sum(axis=0).max())
    theirs, _ = lapack.dpotrf(matrix, lower=1, clean=1)
    condition, _ = lapack.dpocon(theirs, norm, uplo="L")
    monkeypatch.setattr(factors, "_lapack", lambda: None)
    ours = factor(matrix.copy())
    if eigenvalue < 1e-15 and n > 1:  # of rounding, either may find it positive
        assert ours is None or ours.condition(norm) < np.finfo(float).eps
        return
    assert ours is not None
    # The condition is 1 / eigenvalue: so many digits are lost.
    close = 1e-13 / eigenvalue
    np.testing.assert_allclose(ours.condition(norm), condition, rtol=min(0.1, close))
    solved, inverse = ours.solve(right), ours.inverse()
    np.testing.assert_allclose(matrix @ solved, right, atol=close)
    np.testing.assert_allclose(inverse @ ours.lower, np.eye(n), atol=close)
    assert not np.triu(inverse, 1).any()


def test_what_is_not_positive_has_no_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = np.array([[1.0, 2.0], [2.0, 1.0]])
    assert factor(matrix.copy()) is None
    monkeypatch.setattr(factors, "_lapack", lambda: None)
    assert factor(matrix.copy()) is None


def test_student_is_that_of_scipy() -> None:
    for freedom in (1, 2, 3, 4, 5, 9, 10, 99, 100, 4999, 5000):
        expected = stats.t.ppf(0.975, freedom)
        assert student_half_width(freedom) == pytest.approx(expected, rel=1e-12)
    assert student_half_width(7, 0.5) == pytest.approx(stats.t.ppf(0.75, 7), rel=1e-12)
