"""From a torch module to a verified ONNX model of the contract."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from ratchet_runners.data.rows import Floats, Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.faults import MissingExtra, ModelUnusable
from ratchet_runners.model.load import contract_faults
from ratchet_runners.model.normalise import normalise
from ratchet_runners.model.scoring import score
from ratchet_runners.workbench import Workbench

#: Largest difference between torch and ONNX Runtime, as a share of the largest answer.
TOLERANCE = 1e-3


def exported(module: nn.Module, bench: Workbench) -> onnx.ModelProto:
    """The module in evaluation mode as one normalised file with the contract's names and a free batch.

    @throws MissingExtra without onnxscript; ModelUnusable where it cannot be exported or answers otherwise
    """
    module.eval()
    model = _exported(module, bench.rows.input[:3], bench.contract)
    faults = contract_faults(model, bench.contract)
    if faults:
        raise ModelUnusable("The builder's module breaks the contract", faults)
    sample = bench.rows.input[:64]
    require_equal(module, model, sample, bench, "The exported module answers otherwise than the module itself")
    return normalise(model, bench.rows.input[:32], bench.contract, bench.threads)


def require_equal(module: nn.Module, model: onnx.ModelProto, sample: Inputs, bench: Workbench, complaint: str) -> None:
    """@throws ModelUnusable where module and model differ on real rows"""
    own, other = answers(module, sample), score(model, sample, bench.contract, bench.threads)
    if own.size != other.size:
        raise ModelUnusable(complaint, [f"answers of shape {own.shape} instead of {other.shape}"])
    off = float(np.abs(own.reshape(other.shape) - other).max()) / (float(np.abs(other).max()) + 1e-6)
    if not off <= TOLERANCE:
        raise ModelUnusable(complaint, [f"by {off:.1e} of the largest answer, at most {TOLERANCE:.0e} is allowed"])


def answers(module: nn.Module, rows: Inputs) -> Floats:
    """Answers in evaluation mode."""
    module.eval()
    with torch.no_grad():
        return np.asarray(module(torch.from_numpy(np.ascontiguousarray(rows))).numpy(), dtype=np.float32)


def _exported(module: nn.Module, example: Inputs, contract: ModelContract) -> onnx.ModelProto:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        program: Any = torch.onnx.export(
            module,
            (torch.from_numpy(np.ascontiguousarray(example)),),
            dynamo=True,
            external_data=False,
            input_names=[contract.input.name],
            output_names=[contract.output.name],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    except ModuleNotFoundError as error:
        raise MissingExtra("Builders need onnxscript: install the package with its extra [builder]") from error
    except Exception as error:  # the exporter has many
        raise ModelUnusable("The builder's module cannot be exported to ONNX", [str(error).strip()[:2000]]) from error
    return _without_traces(program.model_proto)


def _without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without what the exporter notes about source files: it differs from machine to machine."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    model.doc_string = model.graph.doc_string = ""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        del value.metadata_props[:]
        value.doc_string = ""
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
        tensor.doc_string = ""
    return model
