"""How large a model is: bytes, weights and their bits, work for a row; and what of it a plan must know."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import util

import onnx

from ratchet_runners.data.rows import Inputs, Rows
from ratchet_runners.documents.job import Classification, ModelContract
from ratchet_runners.model.graph import kind_of
from ratchet_runners.model.hardware import detect
from ratchet_runners.model.macs import count_macs
from ratchet_runners.model.precision import form_of, nodes_of, weights_by_bits
from ratchet_runners.model.scoring import serialise
from ratchet_runners.technique import Form, HardwareProfile, Subject

#: Packages that techniques and adapters may need beyond the required ones.
OPTIONAL_PACKAGES = ("torch", "safetensors", "onnxscript", "openvino", "tensorrt", "onnx2tf", "ai_edge_litert")


@dataclass(frozen=True)
class Footprint:
    #: Bytes of the file.
    size_bytes: int
    #: Bytes after gzip: what a compressed transfer costs.
    gzip_bytes: int
    #: Weights, whatever their bits; scales and zero points are none.
    parameters: int
    #: Number of weights by their bits, widest first.
    precision: dict[int, int]
    #: Multiply-accumulate operations for one row; None where some could not be counted.
    macs: int | None
    macs_by_node: dict[str, int]
    #: Nodes whose operations could not be counted.
    uncounted: tuple[str, ...]
    form: Form
    #: How often each operator occurs; of other domains as `domain::Name`.
    operators: dict[str, int]


def footprint(model: onnx.ModelProto, row: Inputs | None = None) -> Footprint:
    """Everything that can be told without timing. `row`, of shape `(1, …)`, helps where shapes cannot be inferred."""
    content = serialise(model)
    precision = weights_by_bits(model)
    macs = count_macs(model, row)
    return Footprint(
        size_bytes=len(content),
        gzip_bytes=len(gzip.compress(content, 6, mtime=0)),
        parameters=sum(precision.values()),
        precision=precision,
        macs=macs.total,
        macs_by_node=macs.nodes,
        uncounted=macs.uncounted,
        form=form_of(model),
        operators=operators_of(model),
    )


def operators_of(model: onnx.ModelProto) -> dict[str, int]:
    """How often each operator occurs, in branches and loop bodies too; sorted by name."""
    return dict(sorted(Counter(kind_of(node) for node in nodes_of(model.graph)).items()))


def installed_packages(names: Iterable[str] = OPTIONAL_PACKAGES) -> frozenset[str]:
    """Which of these packages could be imported; imports none."""
    return frozenset(name for name in names if util.find_spec(name) is not None)


def subject_of(
    model: onnx.ModelProto,
    contract: ModelContract,
    rows: Rows | None = None,
    *,
    threads: int = 1,
    hardware: HardwareProfile | None = None,
    teacher: bool = False,
    builder: bool = False,
    gpu: bool = False,
    training: bool = True,
) -> Subject:
    """What a plan must know of a job. Without rows there are none.

    Imports torch, where it is installed, for the list of operators that training does not know; with `training=False`
    not, for plans in which nothing trains.
    """
    installed = installed_packages()
    untrainable: tuple[str, ...] = ()
    if training and "torch" in installed:
        from ratchet_runners.engine.module import unsupported_operators

        untrainable = tuple(unsupported_operators(model))
    return Subject(
        form=form_of(model),
        size_bytes=len(serialise(model)),
        weights=sum(weights_by_bits(model).values()),
        macs=count_macs(model, rows.input[:1] if rows is not None and len(rows) else None).total,
        operators=operators_of(model),
        untrainable=untrainable,
        classification=isinstance(contract.task, Classification),
        rows=len(rows) if rows is not None else 0,
        labelled=int(rows.labelled.sum()) if rows is not None else 0,
        replay=int(rows.replay.sum()) if rows is not None else 0,
        teacher=teacher,
        builder=builder,
        threads=threads,
        hardware=hardware or detect(),
        installed=installed,
        gpu=gpu,
    )
