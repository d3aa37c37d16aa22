import pytest

from hyperlift.training.files import put_in_place


def test_files_get_in_place_together(tmp_path):
    target = tmp_path / "new" / "model.onnx"
    with put_in_place(target) as path:
        path.write_text("graph")
        path.with_suffix(".md").write_text("card")
        assert list(target.parent.iterdir()) == [path.parent]
    assert target.read_text() == "graph"
    assert sorted(file.name for file in target.parent.iterdir()) == ["model.md", "model.onnx"]


def test_after_an_error_the_older_file_stays(tmp_path):
    target = tmp_path / "model.onnx"
    target.write_text("older")

    def fail():
        with put_in_place(target) as path:
            path.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_text() == "older"
    assert list(tmp_path.iterdir()) == [target]
