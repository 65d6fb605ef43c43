"""Model in, the same model with Q/DQ pairs, or with stored integers, out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import onnx

from ratchet_runners.data.rows import Indices
from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.normalise import normalise
from ratchet_runners.quantize.calibration.calibration import calibrate
from ratchet_runners.quantize.calibration.choosing import calibration_figures, calibration_notes, choose_rows
from ratchet_runners.quantize.calibration.observing import float_tensors
from ratchet_runners.quantize.calibration.ranges import Method, Ranges
from ratchet_runners.quantize.mixed.sensitivity import selection_rows, sensitivities
from ratchet_runners.quantize.mixed.simulation import Simulation
from ratchet_runners.quantize.static.config import QuantizeStatic
from ratchet_runners.quantize.static.fake import with_rounded_activations
from ratchet_runners.quantize.static.form import QuantizedForm, form_of
from ratchet_runners.quantize.static.islands import island_nodes, shallow_nodes, weighted_nodes
from ratchet_runners.quantize.static.layers import pinned_nodes
from ratchet_runners.quantize.static.narrow import cast_while_loading, lifted_for_four_bits
from ratchet_runners.quantize.static.place import place
from ratchet_runners.quantize.static.stored import storable, store
from ratchet_runners.quantize.static.tiny import judge_tiny
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench

NOTHING = "no operator of the model has a constant weight that eight bits could hold"


@dataclass
class _Told:
    figures: dict[str, float | None] = field(default_factory=dict[str, float | None])
    notes: list[str] = field(default_factory=list[str])


@technique("quantize-static", QuantizeStatic)
def quantize_static(config: QuantizeStatic, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """Calibrates on what is served, with a share of replay rows, and quantizes what gains by it.

    @throws DataUnusable, ModelUnusable
    """
    chosen = choose_rows(config, bench)
    rows = bench.rows.input[chosen]
    bench.tell("normalise", 0.0, "")
    plain = normalise(model, rows[:32], bench.contract, bench.threads)
    if config.weight_bits == 4:
        plain = lifted_for_four_bits(plain)
    weighted = weighted_nodes(plain)
    if config.scope == "weights":
        return _weights_only(config, plain, bench)
    if not weighted:
        return StepResult(plain, refusals=(NOTHING,))
    told = _Told(calibration_figures(config, chosen, bench), [])
    told.figures["weightedNodes"] = float(len(weighted))
    form = form_of(config, bench.hardware)
    ranges = _ranges(config, plain, weighted, chosen, form, bench, told)
    shallow = shallow_nodes(plain)
    if shallow:
        told.notes.append(
            f"left in floating point, because so few input channels are no faster in eight bits: {', '.join(shallow)}"
        )
    pinned = pinned_nodes(plain, config.pins, weighted)
    left = pinned | _sensitive(
        config, plain, [name for name in weighted if name not in pinned], ranges, form, bench, told
    )
    kept = [name for name in weighted if name not in left]
    told.figures["quantizedNodes"] = float(len(kept))
    if not kept:
        return StepResult(plain, told.figures, tuple(told.notes), ("every node was left in floating point",))
    bench.tell("quantize", 0.0, f"{len(kept)} nodes")
    if config.scope == "activations":
        made = with_rounded_activations(plain, kept, ranges, form)
    else:
        four = frozenset(kept if config.weight_bits == 4 else ())
        made = place(plain, island_nodes(plain, kept), ranges, replace(form, four_bits=four))
        made = cast_while_loading(made) if four else made
        made = _with_rest(config, made, set(weighted), told)
        made = _with_halves(made, pinned) if config.pinned_as == "half" else made
    refusals = judge_tiny(plain, made, config.allow_tiny, bench, told.figures, told.notes)
    bench.tell("quantize", 1.0, "")
    return StepResult(made, told.figures, tuple(told.notes), refusals)


def _ranges(
    config: QuantizeStatic,
    model: onnx.ModelProto,
    weighted: list[str],
    chosen: Indices,
    form: QuantizedForm,
    bench: Workbench,
    told: _Told,
) -> Ranges:
    watched = float_tensors(model, island_nodes(model, weighted))
    method = Method.of(config, form.symmetric_activations)
    seen = calibrate(model, watched, chosen, config.batch_size, method.counts, bench)
    ranges, held = seen.ranges(method, config.replay_widening)
    told.notes += calibration_notes(config, chosen, held, len(watched))
    return ranges


def _sensitive(
    config: QuantizeStatic,
    model: onnx.ModelProto,
    weighted: list[str],
    ranges: Ranges,
    form: QuantizedForm,
    bench: Workbench,
    told: _Told,
) -> set[str]:
    """The nodes that lose most, as many as the configuration leaves in floating point."""
    if not config.exclude_sensitive or not weighted:
        return set()
    simulation = Simulation(model, weighted, ranges, form, bench.contract, bench.threads)
    ranked, cut = sensitivities(
        simulation,
        weighted,
        (config.weight_bits,),
        selection_rows(bench, config.sensitivity_rows),
        bench,
        lambda fraction, message: bench.tell("sensitivity", fraction, message),
    )
    worst = ranked[: config.exclude_sensitive]
    told.notes += [f"left in floating point: {item.told()}" for item in worst]
    if cut:
        told.notes.append("the time limit cut the measuring of sensitivity: some nodes were measured in groups only")
    return {item.node for item in worst}


def _weights_only(config: QuantizeStatic, plain: onnx.ModelProto, bench: Workbench) -> StepResult:
    """Weights as integers that are turned into floats while the model is loaded."""
    bench.tell("quantize", 0.0, "")
    graph = Graph(copy_of(plain))
    pinned = pinned_nodes(plain, config.pins, weighted_nodes(plain))
    weights = storable(graph, [node.name for node in plain.graph.node if node.name not in pinned])
    if not weights:
        return StepResult(plain, refusals=(NOTHING,))
    method = config.weight_method or ("mean-squared-error" if config.weight_bits == 4 else "min-max")
    stored = store(graph, weights, config.weight_bits, method)
    made = _with_halves(graph.model, pinned) if config.pinned_as == "half" else graph.model
    bench.tell("quantize", 1.0, "")
    note = "weights are turned into floats while loading: smaller, as fast as before, as large in memory"
    return StepResult(made, {"quantizedWeights": float(len(stored))}, (note,))


def _with_rest(config: QuantizeStatic, model: onnx.ModelProto, weighted: set[str], told: _Told) -> onnx.ModelProto:
    """Integers for weights that were never meant for eight-bit products, turned into floats while loading."""
    graph = Graph(model)
    rest = storable(graph, [node.name for node in model.graph.node if node.name not in weighted])
    if config.rest == "float" or not rest:
        return model
    told.figures["storedWeights"] = float(len(store(graph, rest, 8, config.weight_method or "min-max")))
    return graph.model


def _with_halves(model: onnx.ModelProto, pinned: set[str]) -> onnx.ModelProto:
    graph = Graph(copy_of(model))
    store(graph, storable(graph, pinned), 16, "min-max")
    return graph.model
