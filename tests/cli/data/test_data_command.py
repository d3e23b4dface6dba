"""`jepa data`: what a set is, as lines, JSON, a picture and a page; and a set converted and trained on."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from jepa_cli.app import app
from jepa_world_model.data import EpisodeFolder

SIZE = 32


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def demos(tmp_path: Path) -> Path:
    chance = np.random.default_rng(0)
    with h5py.File(tmp_path / "demos.hdf5", "w") as file:
        for number in range(3):
            demo = file.create_group(f"data/demo_{number}")
            demo["obs/front"] = chance.integers(255, size=(12, 24, SIZE, 3), dtype=np.uint8)
            demo["obs/wrist"] = chance.integers(255, size=(12, SIZE, SIZE, 1), dtype=np.uint8)
            demo["obs/joints"] = chance.normal(size=(12, 5))
            demo["actions"] = chance.normal(size=(12, 2)) * [1, 0]
    return tmp_path / "demos.hdf5"


def output(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return result.output


def test_json_says_everything(demos: Path) -> None:
    said = json.loads(output("data", "show", str(demos), "--format", "json"))
    assert (said["format"], said["episodes"], said["frames"], said["lengths"]) == ("HDF5", 3, 36, [12, 12, 12])
    assert said["cameras"] == {"front": [24, SIZE, 3], "wrist": [SIZE, SIZE, 1]}
    assert (said["action_kind"], said["truth"]) == ("real", ["joints"])
    with h5py.File(demos) as file:
        taken = np.concatenate([file[f"data/demo_{n}/actions"][:-1, 0] for n in range(3)])
    first = said["actions"][0]
    expected = [taken.min(), taken.max(), taken.mean(), taken.std()]
    assert np.allclose([first[key] for key in ("low", "high", "mean", "std")], expected, atol=1e-6)
    assert any("joints" in note and "not seen by the model" in note for note in said["notes"])
    assert [warning for warning in said["warnings"] if "column 1" in warning and "always 0" in warning]


def test_lines_and_pictures(demos: Path, tmp_path: Path) -> None:
    said = output("data", "show", str(demos), "--out", "sheet.png", "--camera", "wrist")
    for words in (
        "3 of 12 frames, 36 in all",
        "front: 24 x 32 x 3",
        "2 columns, real",
        "warning",
        "sheet.png",
    ):
        assert words in said
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > sheet.height  # eight frames in a row, a row for each of three episodes
    output("data", "show", str(demos), "--out", "page.html")
    page = (tmp_path / "page.html").read_text()
    for words in ("demos.hdf5", "data:image/png;base64,", "joints", "action_1"):
        assert words in page


def test_a_set_of_this_project_and_an_embedded_world(demos: Path) -> None:
    output("data", "convert", str(demos), "own", "--size", str(SIZE))
    assert "jepa-episodes" in output("data", "show", "own")
    assert "embedded world" in output("data", "show", "grid-loops")


def test_a_converted_set_is_what_training_would_see(demos: Path, tmp_path: Path) -> None:
    said = output("data", "convert", str(demos), "own", "--size", str(SIZE), "--camera", "front", "--camera", "wrist")
    assert "3 trajectories, 36 frames of 32x32, in own" in said
    folder = EpisodeFolder(tmp_path / "own")
    with h5py.File(demos) as file:
        demo = file["data/demo_1"]
        frames = folder[1].frames
        assert np.array_equal(frames[:, 4:28, :, :3], demo["obs/front"][:])
        assert not frames[:, :4, :, :3].any()
        assert np.array_equal(frames[..., 3:], demo["obs/wrist"][:])
        assert np.allclose(folder[1].truth["joints"], demo["obs/joints"][:])
    output("data", "convert", str(demos), "own", code=2)  # in use


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show", "nothing"], "unknown data source"),
        (["show", "demos.hdf5", "--out", "sheet.gif"], ".png or .html"),
        (["show", "demos.hdf5", "--fit", "squash"], "letterbox"),
        (["show", "demos.hdf5", "--camera", "frnt"], "did you mean 'front'"),
        (["convert", "demos.hdf5", "demos.hdf5"], "demos.hdf5"),
    ],
)
def test_mistakes_are_one_message(demos: Path, words: list[str], message: str) -> None:
    said = output("data", *words, code=2)
    assert message in said
    assert "Traceback" not in said


SMALL = ["model.image_size=32", "model.encoder_widths=[8,8]", "model.decoder_widths=[8,8]", "train.batch_size=2"]
SMALL += ["model.h_dim=8", "model.hidden_width=8", "train.threads=1"]


def test_training_says_what_it_chose_and_what_is_wrong(demos: Path, tmp_path: Path) -> None:
    sets = [word for key in SMALL for word in ("--set", key)]
    base = ["train", "--data", str(demos), "--steps", "1", *sets]
    said = " ".join(output(*base, "--out", "run").split())
    for words in ("24 x 32 are framed with black", "front, wrist", "column 1 (action_1): is always 0"):
        assert words in said
    assert (tmp_path / "run/summary.md").exists()
    strict = output(*base, "--out", "strict", "--strict-data", code=2)
    assert "column 1 (action_1)" in strict
    assert not (tmp_path / "strict").exists()
