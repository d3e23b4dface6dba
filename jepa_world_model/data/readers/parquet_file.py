"""Columns of parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from jepa_world_model.data.readers.packages import needed
from jepa_world_model.errors import UserError
from jepa_world_model.input_files import check_file
from jepa_world_model.memory import check_memory


class ParquetColumn:
    """A column as an array [rows, ...]. Encoded pictures are rows of bytes."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        values = self._values()
        self.shape, self.dtype = values.shape, values.dtype

    def __getitem__(self, rows: Any, /) -> np.ndarray:
        return self._values()[rows]

    def _values(self) -> np.ndarray:
        return _column(self.path, self.name, self.path.stat().st_mtime_ns)


def columns_of(path: Path) -> list[str]:
    """Names, from the end of the file. Raises UserError for a file that is damaged."""
    check_file(path)
    parquet = needed("pyarrow.parquet", "reading parquet")
    with _explained(path):
        return list(parquet.read_schema(path).names)


def rows_of(path: Path, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Rows as mappings, of small tables. Raises UserError that names the file."""
    check_file(path)
    parquet = needed("pyarrow.parquet", "reading parquet")
    with _explained(path):
        return parquet.read_table(path, columns=columns).to_pylist()


@lru_cache(maxsize=64)
def _column(path: Path, name: str, changed: int) -> np.ndarray:
    """`changed` keeps a file apart from what was there before."""
    check_file(path)
    parquet = needed("pyarrow.parquet", "reading parquet")
    with _explained(path, f", {name}"):
        file = parquet.ParquetFile(path)
        if name not in file.schema_arrow.names:
            raise UserError(f"{path}: expected a column {name!r}, found {', '.join(file.schema_arrow.names)}")
        check_memory(f"{path}, {name}", _claimed(file, name), "split the file")
        return _array(f"{path}, {name}", file.read(columns=[name]).column(name))


def _claimed(file: Any, name: str) -> int:
    metadata = file.metadata
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    columns = [group.column(number) for group in groups for number in range(group.num_columns)]
    return sum(column.total_uncompressed_size for column in columns if column.path_in_schema.split(".list")[0] == name)


def _array(where: str, column: Any) -> np.ndarray:
    import pyarrow as pa

    kind = column.type
    if column.null_count:
        raise UserError(f"{where}: {column.null_count} rows are empty; fill them, or leave the column out")
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        return _objects([row["bytes"] for row in column.to_pylist()])
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_string(kind):
        return _objects(column.to_pylist())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        rows = column.to_pylist()
        if len({_shape(row) for row in rows}) > 1:
            raise UserError(f"{where}: expected rows of one length, found {sorted({_shape(row) for row in rows})[:4]}")
        found = np.array(rows)
        return found if found.dtype.kind in "biuf" else _objects(rows)
    found = column.to_numpy()
    return found if found.dtype.kind in "biuf" else _objects(list(found))


def _shape(row: Any) -> tuple[int, ...]:
    return (len(row), *(_shape(row[0]) if row else ())) if isinstance(row, list) else ()


def _objects(rows: list[Any]) -> np.ndarray:
    found = np.empty(len(rows), dtype=object)
    found[:] = rows
    return found


@contextmanager
def _explained(path: Path, place: str = "") -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # pyarrow raises OSError, ValueError, MemoryError and errors of its own
        message = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path}{place}: expected parquet, found a file that is damaged, cut short or something else ({message}); "
            "copy or write it again"
        ) from error
