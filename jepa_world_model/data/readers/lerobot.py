"""LeRobot data sets, versions 2 and 3: tables in parquet, pictures in video or in the tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jepa_world_model.data.readers.assemble import FoundEpisode, assemble
from jepa_world_model.data.readers.lazy import Rows
from jepa_world_model.data.readers.parquet_file import ParquetColumn, columns_of, rows_of
from jepa_world_model.data.readers.raw import Camera, RawSet
from jepa_world_model.data.readers.shapes import arrangement
from jepa_world_model.data.readers.stills import encoded_camera
from jepa_world_model.data.readers.video_file import facts_of, video_camera
from jepa_world_model.errors import UserError, shown
from jepa_world_model.input_files import check_file, json_object, parse_json, readable

FORMAT = "LeRobot"
INFO = "meta/info.json"
COUNTERS = ("timestamp", "frame_index", "episode_index", "index")
PLACE = re.compile(r"\{(\w+)(?::0?(\d+)d)?\}")
PATHS = {"data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"}
PICTURES = ("video", "image")


def files_of(path: Path) -> list[Path]:
    """All tables and videos of a data set."""
    if not path.is_dir() or not (path / INFO).exists():
        return []
    found = [file for folder in ("meta", "data", "videos") for file in (path / folder).rglob("*") if file.is_file()]
    return sorted(file for file in found if file.suffix in (".json", ".jsonl", ".parquet", ".mp4"))


def read(path: Path, files: list[Path]) -> RawSet:
    """Raises UserError that names the file."""
    about = _About(path)
    episodes = about.episodes()
    found = [about.found(episode) for episode in episodes]
    depth = [name for name in about.pictures if about.is_depth(name)]
    notes = [f"left out, for it shows depth: {', '.join(depth)}"] if depth else []
    return assemble(
        f"{FORMAT} {about.version}", path, files, found, notes=notes, column_names=about.action_names, left_out=()
    )


class _About:
    """What meta/info.json says."""

    def __init__(self, root: Path) -> None:
        self.root, self.file = root, root / INFO
        content = json_object(self.file)
        self.info: Mapping[str, Any] = content
        self.version = str(content.get("codebase_version", ""))
        if not re.match(r"v[23](\.\d+)*$", self.version):
            raise UserError(f"{self.file}: expected codebase_version v2.0, v2.1 or v3.0, found {self.version!r}")
        features = content.get("features")
        if not isinstance(features, dict) or not all(isinstance(each, dict) for each in features.values()):
            raise UserError(f'{self.file}: expected "features", an object that describes each column')
        self.features: dict[str, dict[str, Any]] = features
        self.pictures = [name for name, each in features.items() if each.get("dtype") in PICTURES]
        if not self.pictures:
            raise UserError(f"{self.file}: expected a feature of dtype video or image, found {', '.join(features)}")
        if "action" not in features:
            raise UserError(f'{self.file}: expected a feature "action", found {", ".join(features)}')
        self.is_joined = self.version.startswith("v3")

    @property
    def action_names(self) -> tuple[str, ...]:
        names = self.features["action"].get("names")
        if isinstance(names, dict):
            names = next((each for each in names.values() if isinstance(each, list)), None)
        return tuple(map(str, names)) if isinstance(names, list) else ()

    def is_depth(self, name: str) -> bool:
        about = self.features[name].get("info") or self.features[name].get("video_info") or {}
        return bool(isinstance(about, dict) and about.get("video.is_depth_map"))

    def episodes(self) -> list[dict[str, Any]]:
        """A mapping for each, with its number and length."""
        if self.is_joined:
            tables = sorted((self.root / "meta/episodes").rglob("*.parquet"))
            wanted = re.compile(r"(episode_index|length|(data|videos/.*)/\w+)$")
            rows = [
                row for table in tables for row in rows_of(table, [c for c in columns_of(table) if wanted.match(c)])
            ]
            where = self.root / "meta/episodes"
        else:
            where = self.root / "meta/episodes.jsonl"
            rows = _json_lines(where)
        for row in rows:
            if not all(isinstance(row.get(key), int) and row[key] >= 0 for key in ("episode_index", "length")):
                raise UserError(f'{where}: expected "episode_index" and "length" of each episode, found {shown(row)}')
        if not rows:
            raise UserError(f"{where}: expected episodes, found none")
        return sorted(rows, key=lambda row: row["episode_index"])

    def found(self, episode: dict[str, Any]) -> FoundEpisode:
        """One episode. Raises UserError where its rows or frames are not as many as was said."""
        number, length = episode["episode_index"], episode["length"]
        table = self._path("data_path", episode, "data")
        where = f"{table}, episode {number}"
        span = self._span(table, number, length, where)
        columns = {name: ParquetColumn(table, name) for name in columns_of(table) if name not in COUNTERS}
        if "action" not in columns:
            raise UserError(f'{where}: expected a column "action", found {", ".join(columns)}')
        rows = {name: Rows(column, *span) for name, column in columns.items()}
        cameras = {
            _camera_name(name): self._camera(name, episode, rows, where)
            for name in self.pictures
            if not self.is_depth(name)
        }
        others = {name: each for name, each in rows.items() if name != "action" and name not in self.pictures}
        return FoundEpisode(where, cameras, {"action": rows["action"]}, others)

    def _span(self, table: Path, number: int, length: int, where: str) -> tuple[int, int]:
        """The rows of an episode in its table."""
        owners = ParquetColumn(table, "episode_index")[:] if "episode_index" in columns_of(table) else None
        if owners is None and self.is_joined:
            raise UserError(f'{where}: expected a column "episode_index", found none')
        if owners is None:
            return 0, length
        own = np.flatnonzero(owners == number)
        if len(own) != length or (len(own) and own[-1] - own[0] + 1 != length):
            raise UserError(
                f"{where}: expected {length} rows on end, as meta/ says, found {len(own)}; it was cut short"
            )
        return int(own[0]), int(own[0]) + length

    def _camera(self, name: str, episode: dict[str, Any], rows: Mapping[str, Rows], where: str) -> Camera:
        if self.features[name]["dtype"] == "image":
            if name not in rows:
                raise UserError(f"{where}: expected a column {name!r}, found {', '.join(rows)}")
            placed = arrangement(rows[name].rest) if rows[name].rest else None
            if placed:
                return Camera(len(rows[name]), placed.shape, lambda: map(placed.turned, rows[name].blocks()))
            return encoded_camera(f"{where}, {name}", rows[name])
        video = self._path("video_path", episode, f"videos/{name}", video_key=name)
        facts, length = facts_of(video), episode["length"]
        if not self.is_joined:
            if facts.frames != length:
                raise UserError(
                    f"{video}: expected {length} frames, as meta/ says, found {facts.frames}; it was cut short"
                )
            return video_camera(video)
        start = float(episode.get(f"videos/{name}/from_timestamp") or 0.0)
        fps = self.info.get("fps")
        a_frame = 1 / fps if isinstance(fps, int | float) and fps > 0 else facts.seconds_a_frame
        if not a_frame:
            raise UserError(f'{self.file}: expected "fps", the frames in a second, found {fps!r}')
        return video_camera(video, round(start / a_frame), length, where)

    def _path(self, key: str, episode: dict[str, Any], of: str, **names: str) -> Path:
        """A path of the templates in info.json, below the folder of the data set."""
        template = self.info.get(key) or PATHS.get(key)
        if not isinstance(template, str):
            raise UserError(f'{self.file}: expected "{key}", the path of files, found {template!r}')
        chunks = self.info.get("chunks_size")
        values: dict[str, Any] = {
            "episode_index": episode["episode_index"],
            "episode_chunk": episode["episode_index"] // (chunks if isinstance(chunks, int) and chunks > 0 else 1000),
            "chunk_index": episode.get(f"{of}/chunk_index"),
            "file_index": episode.get(f"{of}/file_index"),
            **names,
        }

        def filled(found: re.Match[str]) -> str:
            value = values.get(found[1])
            if value is None:
                raise UserError(f'{self.file}: nothing says what "{found[1]}" is in {key} {template!r}')
            return f"{value:0{found[2]}d}" if found[2] and isinstance(value, int) else str(value)

        path = self.root / PLACE.sub(filled, template)
        if ".." in path.relative_to(self.root).parts:
            raise UserError(f"{self.file}: {key} {template!r} leads out of the data set")
        check_file(path)
        return path


def _camera_name(feature: str) -> str:
    return feature.removeprefix("observation.images.").removeprefix("observation.")


def _json_lines(file: Path) -> list[dict[str, Any]]:
    check_file(file)
    rows = []
    with readable(file):
        lines = file.read_bytes().splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except ValueError as error:
            raise UserError(f"{file}, line {number}: expected JSON, found a syntax error ({error})") from error
        if not isinstance(row, dict):
            raise UserError(f"{file}, line {number}: expected a JSON object, found {shown(row)}")
        rows.append(row)
    return rows
