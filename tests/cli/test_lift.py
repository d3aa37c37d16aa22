import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import numpy as np
import pytest
import rasterio

main = import_module("hyperlift.__main__").main


@pytest.fixture
def scene(write_tiff, rough_scene):
    return write_tiff(rough_scene(50, 40), nodata=0)


def test_lifts_a_file(scene, linear_model, matrix, tmp_path, capsys):
    output = tmp_path / "lifted.tif"
    words = ["lift", str(scene), str(output), "--model", str(linear_model), "--tile-size", "32"]
    assert main(words) == 0
    with rasterio.open(output) as lifted, rasterio.open(scene) as source:
        assert (lifted.count, lifted.shape, lifted.crs) == (172, (50, 40), source.crs)
        assert lifted.transform == source.transform
        assert lifted.dtypes[0] == "int16"
        expected = np.tensordot(matrix, source.read() * 1e-4, axes=1)
        np.testing.assert_allclose(lifted.read() * 1e-4, np.clip(expected, -3.2767, 3.2767), atol=6e-5)
        assert lifted.tags()["HYPERLIFT_MODEL"] == "tiny 1.0"
        assert lifted.descriptions[0].endswith(" nm")
    printed = capsys.readouterr()
    assert "50 x 40 pixels" in printed.out
    assert "pixels per second" in printed.out
    assert "100 %" in printed.err
    assert "Bands taken from names" in printed.err


def test_options(write_tiff, rough_scene, make_model, tmp_path, capsys):
    scene = write_tiff(rough_scene(20, 20)[::-1].astype(np.float32), names=None)
    output = tmp_path / "lifted.tif"
    words = ["lift", str(scene), str(output), "--model", str(make_model("double")), "--device", "cpu"]
    words += ["--bands", "12,11,10 9 8 7 6 5 4 3 2 1", "--scale", "2e-4", "--offset", "-0.01"]
    assert main([*words, "--data-type", "float32"]) == 0
    with rasterio.open(output) as lifted:
        assert lifted.shape == (40, 40)
        assert lifted.dtypes[0] == "float32"
        assert "number * 0.0002 + -0.01 (as given)" in lifted.tags()["HYPERLIFT_CALIBRATION"]
    assert "B1=12, B2=11" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input": "gone.tif"}, "could not be opened"),
        ({"model": "nothing"}, "There is no model 'nothing'"),
        ({"bands": "1,2"}, "2 band numbers are given"),
        ({"output": "gone/lifted.tif"}, "does not exist"),
        ({"output": "scene.tif"}, "is a file of the input as well"),
    ],
)
def test_errors_are_one_sentence_and_code_one(scene, linear_model, tmp_path, capsys, changes, message):
    words = {"input": scene.name, "output": "lifted.tif", "model": str(linear_model), "bands": "", **changes}
    before = sorted(tmp_path.iterdir())
    command = ["lift", str(tmp_path / words["input"]), str(tmp_path / words["output"])]
    assert main([*command, "--model", words["model"], "--bands", words["bands"]]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("Error: ")
    assert message in error
    assert sorted(tmp_path.iterdir()) == before


def test_rasterio_that_is_missing_is_one_sentence(scene, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "hyperlift.cli.rasterio_backend", None)
    assert main(["lift", str(scene), str(tmp_path / "lifted.tif")]) == 1
    assert "install it with 'pip install rasterio'" in capsys.readouterr().err


def test_wrong_words(scene, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["lift", str(scene), str(tmp_path / "lifted.tif"), "--bands", "red"])
    assert "Bands must be numbers separated by commas, such as 1,2,3" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([])
    assert "lift" in capsys.readouterr().err


def test_truncated_input_leaves_nothing(scene, linear_model, tmp_path, capsys):
    scene.write_bytes(scene.read_bytes()[:30000])
    assert main(["lift", str(scene), str(tmp_path / "lifted.tif"), "--model", str(linear_model)]) == 1
    assert "Error: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [scene]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_leaves_nothing(sent, write_tiff, make_model, tmp_path):
    scene = write_tiff(np.full((12, 4000, 1000), 500, np.uint16))
    command = [sys.executable, "-m", "hyperlift", "lift", str(scene), str(tmp_path / "lifted.tif")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [*command, "--model", str(make_model("hungry"))],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore the signal, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while "%" not in process.stderr.read(1):
        assert process.poll() is None
    assert len(list(tmp_path.iterdir())) == 2
    process.send_signal(sent)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted; nothing was written." in error
    assert list(tmp_path.iterdir()) == [scene]


def test_signals_are_as_before_after_a_run_and_untouched_in_a_thread(scene, linear_model, tmp_path):
    words = ["lift", str(scene), str(tmp_path / "lifted.tif"), "--model", str(linear_model)]
    before = signal.getsignal(signal.SIGTERM)
    assert main(words) == 0
    assert signal.getsignal(signal.SIGTERM) is before
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(main, words).result() == 0


def test_help_lists_the_command():
    result = subprocess.run(
        [sys.executable, "-m", "hyperlift", "--help"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "lift a Sentinel-2 image to a hyperspectral one" in result.stdout
