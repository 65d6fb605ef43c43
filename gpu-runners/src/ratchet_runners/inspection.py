"""What can be done with a model, and why not, without any data."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx

from ratchet_runners.columns import aligned
from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.doctor import examine
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.footprint import subject_of
from ratchet_runners.model.hardware import detect
from ratchet_runners.model.load import parse_model, safety_faults
from ratchet_runners.model.normalise import QUANTIZED
from ratchet_runners.plan.forecast import technique_name
from ratchet_runners.plan.make import contract_of
from ratchet_runners.plan.subject import gpu_visible
from ratchet_runners.quantize.static.islands import weighted_nodes
from ratchet_runners.recipes.techniques import TECHNIQUES


def inspect_model(path: Path) -> dict[str, Any]:
    """@throws ModelUnusable when the file cannot be read or is no ONNX model"""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelUnusable(f"The model {path} cannot be read: {error.strerror}") from error
    model = parse_model(content, str(path))
    faults = safety_faults(model)
    quantized = sorted({node.op_type for node in model.graph.node} & QUANTIZED)
    faults += [f"already quantized: contains {name}" for name in quantized]
    weights = {tensor.name for tensor in model.graph.initializer}
    return {
        "digest": digest_of_bytes(content),
        "sizeBytes": len(content),
        "operatorSet": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        "operators": dict(sorted(Counter(node.op_type for node in model.graph.node).items())),
        "weights": sum(_size(tensor) for tensor in model.graph.initializer),
        "inputs": [_described(value) for value in model.graph.input if value.name not in weights],
        "outputs": [_described(value) for value in model.graph.output],
        "recipes": {
            "quantize-static": _quantizable(model, faults),
            "incremental-distillation": _trainable(model, faults),
        },
        **_declared(model, faults),
    }


def page_of(found: dict[str, Any]) -> str:
    """What was found, for a terminal. `found` is what `inspect_model` answers."""
    operators = sorted(found["operators"].items(), key=lambda each: (-each[1], each[0]))
    sets = ", ".join(f"{domain} {version}" for domain, version in found["operatorSet"].items())
    macs = "" if found.get("macs") is None else f", {found['macs']:,.0f} multiply-adds a row"
    lines = [
        f"{found['weights']:,} weights, {found['sizeBytes']:,} bytes{macs}; operator set {sets}",
        *(_tensor_line("in ", each) for each in found["inputs"]),
        *(_tensor_line("out", each) for each in found["outputs"]),
        "operators: " + ", ".join(f"{count} {name}" for name, count in operators),
    ]
    if "notPlanned" in found:
        return "\n".join([*lines, "", f"Nothing can be planned: {found['notPlanned']}"])
    if found["embeddingShare"]:
        lines.append(f"tables that rows are looked up in: {found['embeddingShare']:.0%} of the weights' bytes")
    if found["untrainable"]:
        lines.append(f"cannot be trained: {', '.join(found['untrainable'])}")
    able = [name for name, reasons in found["techniques"].items() if not reasons]
    lines += ["", "CAN BE DONE (with enough rows)", *(f"  {name}" for name in able or ["nothing"])]
    refused = {name: reasons for name, reasons in found["techniques"].items() if reasons}
    if refused:
        reasons = aligned([(f"  {name}", "; ".join(why)) for name, why in refused.items()])
        lines += ["", "CANNOT BE DONE", *reasons]
    return "\n".join([*lines, "", *_group_lines(found["prunableGroups"])])


def _tensor_line(what: str, tensor: dict[str, Any]) -> str:
    shape = " x ".join("any" if size < 0 else str(size) for size in tensor["shape"])
    return f"{what}  {tensor['name']}: {tensor['datatype']}, {shape or 'one number'}"


def _group_lines(groups: list[dict[str, Any]] | str) -> list[str]:
    if isinstance(groups, str):
        return [f"Which layers are tied together is not known: {groups}"]
    head = ("LAYERS THAT ARE AS WIDE AS EACH OTHER", "UNITS", "KIND", "CAN BE NARROWER")
    rows = [
        (_few(group["layers"]), str(group["units"]), group["kind"], "yes" if group["prunable"] else group["reason"])
        for group in groups
    ]
    return aligned([head, *rows]) if rows else []


def _few(layers: list[str]) -> str:
    return ", ".join(layers[:3]) + (f" and {len(layers) - 3} more" if len(layers) > 3 else "")


#: An inspection knows no data: it asks what could be done if there were enough of them.
ENOUGH_ROWS = 100_000


def _declared(model: onnx.ModelProto, faults: list[str]) -> dict[str, Any]:
    """Every technique's objections, what cannot be trained, how the weights lie, which widths could be pruned."""
    try:
        known = subject_of(model, contract_of(model), hardware=detect(), gpu=gpu_visible())
    except ModelUnusable as fault:
        return {"techniques": {}, "notPlanned": fault.text()}
    subject = replace(known, rows=ENOUGH_ROWS, labelled=ENOUGH_ROWS, teacher=True)
    taken = [kind.model_validate({}) for kind in TECHNIQUES]
    return {
        "form": subject.form,
        "macs": subject.macs,
        "untrainable": list(subject.untrainable),
        "embeddingShare": _embedding_share(model),
        "prunableGroups": _groups(model),
        "techniques": {technique_name(each): [*faults, *each.objections(subject)] for each in taken},
    }


def _embedding_share(model: onnx.ModelProto) -> float:
    """Share of the weights' bytes that lie in tables which rows are gathered from."""
    gathered = {node.input[0] for node in model.graph.node if node.op_type == "Gather"}
    sizes = {tensor.name: len(tensor.SerializeToString()) for tensor in model.graph.initializer}
    return round(sum(size for name, size in sizes.items() if name in gathered) / max(1, sum(sizes.values())), 4)


def _groups(model: onnx.ModelProto) -> list[dict[str, Any]] | str:
    """The groups of channels, heads and features that could be removed together, or why nobody can tell."""
    from ratchet_runners.prune.groups import describe_groups

    try:
        return describe_groups(model)
    except (ModelUnusable, ValueError, KeyError) as error:
        return error.text() if isinstance(error, ModelUnusable) else f"the graph cannot be traced: {error}"


def _quantizable(model: onnx.ModelProto, faults: list[str]) -> dict[str, Any]:
    nodes = weighted_nodes(model)
    reasons = faults or ([] if nodes else ["no operator has a constant weight that eight bits could hold"])
    return {"possible": not reasons, "reasons": reasons, "nodes": len(nodes)}


def _trainable(model: onnx.ModelProto, faults: list[str]) -> dict[str, Any]:
    available = examine()["incremental-distillation"]
    if available != "available":
        return {"possible": False, "reasons": [*faults, available]}
    from ratchet_runners.engine.module import unsupported_operators

    missing = [f"operator {name} is not known to the graph engine" for name in unsupported_operators(model)]
    return {"possible": not faults and not missing, "reasons": [*faults, *missing]}


def _described(value: onnx.ValueInfoProto) -> dict[str, Any]:
    tensor = value.type.tensor_type
    return {
        "name": value.name,
        "datatype": onnx.TensorProto.DataType.Name(tensor.elem_type),
        "shape": [size.dim_value if size.HasField("dim_value") else -1 for size in tensor.shape.dim],
    }


def _size(tensor: onnx.TensorProto) -> int:
    size = 1
    for length in tensor.dims:
        size *= length
    return size
