"""Reads the columnar files that telemetry writes (Arrow IPC, file or stream)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import ipc

from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.documents.job import DataFile, ModelContract
from ratchet_runners.faults import DataUnusable

Floats = npt.NDArray[np.float32]
#: What a model takes, of the contract's element type.
Inputs = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]
Times = npt.NDArray[np.int64]

#: What the column `input` may hold; what the model takes is the contract's to say.
INPUT_TYPES = (pa.float32(), pa.int64(), pa.int32())

NUMPY_TYPES: dict[str, npt.DTypeLike] = {"FP32": np.float32, "INT64": np.int64, "INT32": np.int32}

#: Above this share of rows that are not finite the source is broken, not the odd request.
LARGEST_BROKEN_SHARE = 0.1


@dataclass(frozen=True)
class Rows:
    """Sampled requests in the order of the file. `label` is NaN where none has arrived."""

    request_id: tuple[str, ...]
    #: Milliseconds since 1970.
    at: Times
    input: Inputs
    prediction: Doubles
    label: Doubles
    #: Older data that a job gets so that nothing is forgotten.
    replay: Mask
    #: Requests that each row stands for: one divided by the chance that it had to be kept.
    weight: Doubles
    #: sha256 of the bytes that the rows were read from.
    digest: str
    #: Whom each row is about (a customer, a device); empty where the file does not say.
    entity: tuple[str, ...] = ()
    #: A named part of the traffic that figures are wanted of apart; empty where the file does not say.
    slice: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.request_id)

    @property
    def labelled(self) -> Mask:
        return np.isfinite(self.label)

    def take(self, indices: Indices) -> Rows:
        return Rows(
            tuple(self.request_id[index] for index in indices),
            self.at[indices],
            self.input[indices],
            self.prediction[indices],
            self.label[indices],
            self.replay[indices],
            self.weight[indices],
            self.digest,
            tuple(self.entity[index] for index in indices) if self.entity else (),
            tuple(self.slice[index] for index in indices) if self.slice else (),
        )


def read_rows(path: Path, expected: DataFile, contract: ModelContract) -> tuple[Rows, list[str]]:
    """Verifies the file, reads it, drops rows that are not finite. Returns the rows and what a reader should know.

    @throws DataUnusable
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataUnusable(f"The data file {path} cannot be read: {error.strerror}") from error
    # The very bytes that are parsed: a file that changes meanwhile cannot slip in.
    digest = digest_of_bytes(content)
    if digest != expected.digest:
        raise DataUnusable(
            f"The data file {path} is not the one that was asked for", [f"{digest} != {expected.digest}"]
        )
    table = _table(content, path)
    faults = _column_faults(table, contract.input.width)
    if faults:
        raise DataUnusable(f"The data file {path} does not fit the model", faults)
    rows = _rows(table, contract, digest)
    return _usable(rows, contract, expected.rows)


def _table(content: bytes, path: Path) -> Any:
    source = pa.BufferReader(content)
    try:
        return ipc.open_file(source).read_all()
    except pa.ArrowInvalid:
        source.seek(0)
    try:
        return ipc.open_stream(source).read_all()
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        raise DataUnusable(f"The data file {path} is no Arrow file or stream: {error}") from error


def _column_faults(table: Any, width: int) -> list[str]:
    needed = ("request_id", "at", "input", "prediction", "label", "stratum")
    faults = [f"column {name} is missing" for name in needed if name not in table.column_names]
    if "input" in table.column_names:
        kind = table.schema.field("input").type
        if not pa.types.is_fixed_size_list(kind) or kind.value_type not in INPUT_TYPES:
            faults.append(f"column input is {kind}, not a fixed-size list of float32 (or of int64 or int32)")
        elif kind.list_size != width:
            faults.append(f"column input has {kind.list_size} numbers a row, the model takes {width}")
    if "at" in table.column_names and not pa.types.is_timestamp(table.schema.field("at").type):
        faults.append(f"column at is {table.schema.field('at').type}, not a timestamp")
    faults += [
        f"column {name} is {table.schema.field(name).type}, not a string"
        for name in ("entity", "slice")
        if name in table.column_names and not _is_text(table.schema.field(name).type)
    ]
    for name in ("prediction", "label"):
        if name in table.column_names and not pa.types.is_floating(table.schema.field(name).type):
            faults.append(f"column {name} is {table.schema.field(name).type}, not float64")
    return faults


def _rows(table: Any, contract: ModelContract, digest: str) -> Rows:
    column = table.column("input").combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if column.null_count:
        raise DataUnusable(f"The column input has {column.null_count} rows without a value")
    values = np.asarray(column.flatten().to_numpy(zero_copy_only=False))
    stratum = table.column("stratum").to_pylist()
    return Rows(
        request_id=tuple(str(name) for name in table.column("request_id").to_pylist()),
        at=_milliseconds(table),
        input=values.reshape(len(table), *contract.input.shape[1:]),
        prediction=_doubles(table, "prediction"),
        label=_doubles(table, "label"),
        replay=np.array([str(name or "").startswith("replay") for name in stratum], dtype=np.bool_),
        weight=_doubles(table, "weight") if "weight" in table.column_names else np.ones(len(table)),
        digest=digest,
        entity=_texts(table, "entity"),
        slice=_texts(table, "slice"),
    )


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))


def _texts(table: Any, name: str) -> tuple[str, ...]:
    """A row without a value stands for itself: its request id is its entity, and its slice has no name."""
    if name not in table.column_names:
        return ()
    fallback = table.column("request_id").to_pylist() if name == "entity" else [""] * len(table)
    return tuple(
        str(other if value is None else value)
        for value, other in zip(table.column(name).to_pylist(), fallback, strict=True)
    )


def _milliseconds(table: Any) -> Times:
    values = table.column("at").cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64()).to_pylist()
    return np.array([0 if value is None else value for value in values], dtype=np.int64)


def _doubles(table: Any, name: str) -> Doubles:
    return np.array([np.nan if value is None else value for value in table.column(name).to_pylist()], dtype=np.float64)


def _usable(rows: Rows, contract: ModelContract, requested: int) -> tuple[Rows, list[str]]:
    notes: list[str] = []
    if len(rows) != requested:
        notes.append(f"the data file has {len(rows)} rows where the job names {requested}")
    finite = np.isfinite(rows.input).all(axis=tuple(range(1, rows.input.ndim)))
    broken = int((~finite).sum())
    if broken > LARGEST_BROKEN_SHARE * len(rows):
        raise DataUnusable(
            f"{broken} of {len(rows)} rows have inputs that are not finite (NaN or infinite); "
            f"at most {LARGEST_BROKEN_SHARE:.0%} may"
        )
    if broken:
        notes.append(f"{broken} of {len(rows)} rows were dropped: their input is not finite")
        rows = rows.take(np.flatnonzero(finite))
    rows = replace(rows, input=_cast(rows.input, contract))
    task = contract.task
    if task.kind == "classification":
        label = rows.label
        wrong = rows.labelled & ((label < 0) | (label >= task.classes) | (label != np.floor(np.nan_to_num(label))))
        if wrong.any():
            notes.append(f"{int(wrong.sum())} labels were dropped: they name no class of the model")
            rows = replace(rows, label=np.where(wrong, np.nan, label))
    return rows, notes


def _cast(values: Inputs, contract: ModelContract) -> Inputs:
    """The rows in the element type that the model takes; nothing is rounded in silence. @throws DataUnusable"""
    wanted = contract.input.datatype
    cast = values.astype(NUMPY_TYPES[wanted])
    off = values.astype(np.float64) != cast.astype(np.float64)
    if off.any():
        broken = int(off.reshape(len(off), -1).any(axis=1).sum())
        what = "hold fractions or too large numbers" if wanted != "FP32" else "hold integers too large for float32"
        raise DataUnusable(
            f"{broken} of {len(values)} rows {what}, and the model takes {wanted}",
            [f"for example {values[off][0]} in row {int(np.flatnonzero(off.reshape(len(off), -1).any(axis=1))[0])}"],
        )
    return cast
