"""Model in, the same model with a width for every layer out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import onnx

from ratchet_runners.data.rows import Doubles
from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.normalise import normalise
from ratchet_runners.model.scoring import agreement, predictions, score, serialise
from ratchet_runners.quantize.calibration.calibration import calibrate
from ratchet_runners.quantize.calibration.choosing import calibration_figures, calibration_notes, choose_rows
from ratchet_runners.quantize.calibration.observing import float_tensors
from ratchet_runners.quantize.calibration.ranges import Method, Ranges
from ratchet_runners.quantize.mixed.config import QuantizeMixed
from ratchet_runners.quantize.mixed.search import Widths, fewest_steps, promoted, promotions
from ratchet_runners.quantize.mixed.sensitivity import Sensitivity, selection_rows, sensitivities
from ratchet_runners.quantize.mixed.simulation import Simulation
from ratchet_runners.quantize.static.form import QuantizedForm
from ratchet_runners.quantize.static.islands import WEIGHTED, island_nodes, weighted_nodes
from ratchet_runners.quantize.static.layers import pinned_nodes
from ratchet_runners.quantize.static.narrow import cast_while_loading, lifted_for_four_bits
from ratchet_runners.quantize.static.place import place
from ratchet_runners.quantize.static.stored import storable, store
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench


@dataclass
class _Mixer:
    """Builds the model for any widths and says how many answers change by them."""

    config: QuantizeMixed
    plain: onnx.ModelProto
    weighted: list[str]
    ranges: Ranges
    form: QuantizedForm
    bench: Workbench
    exact: Doubles
    probes: int = 0
    losses: dict[tuple[int, ...], float] = field(default_factory=dict[tuple[int, ...], float])

    def model(self, widths: Widths) -> onnx.ModelProto:
        integers = [name for name in self.weighted if widths[name] in (4, 8)]
        four = frozenset(name for name in integers if widths[name] == 4)
        made = copy_of(self.plain)
        if integers:
            form = replace(self.form, four_bits=four)
            made = place(made, island_nodes(made, integers), self.ranges, form)
        graph = Graph(cast_while_loading(made) if four else made)
        store(graph, storable(graph, [name for name in self.weighted if widths[name] == 16]), 16, "min-max")
        if self.config.rest == "stored":
            others = [node.name for node in graph.model.graph.node if node.name not in self.weighted]
            store(graph, storable(graph, others), 8, "min-max")
        return graph.model

    def loss(self, widths: Widths) -> float:
        key = tuple(widths[name] for name in self.weighted)
        if key not in self.losses:
            made = self.model(widths)
            rows = selection_rows(self.bench, self.config.selection_rows)
            contract = self.bench.contract
            answers = predictions(score(made, rows, contract, self.bench.threads), contract)
            self.probes += 1
            self.bench.tell("mix", min(0.9, self.probes / 12), f"mixture {self.probes}")
            self.losses[key] = 1 - (agreement(self.exact, answers, contract) or 0.0)
        return self.losses[key]


@technique("quantize-mixed", QuantizeMixed)
def quantize_mixed(config: QuantizeMixed, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """One calibration pass; every layer's loss at every width by one simulation; then as few bits as may be.

    What a mixture loses is measured on the real model and on rows for choices, never on those for the final figures.
    @throws DataUnusable, ModelUnusable
    """
    chosen = choose_rows(config, bench)
    bench.tell("normalise", 0.0, "")
    plain = normalise(model, bench.rows.input[chosen[:32]], bench.contract, bench.threads)
    plain = lifted_for_four_bits(plain) if 4 in config.widths else plain
    weighted = weighted_nodes(plain)
    if not weighted:
        return StepResult(
            plain, refusals=("no operator of the model has a constant weight that fewer bits could hold",)
        )
    figures = calibration_figures(config, chosen, bench)
    unsigned = bench.hardware.unsigned_activations
    form = QuantizedForm(config.per_channel, unsigned, not unsigned, reduce_range=bench.hardware.reduce_range)
    watched = float_tensors(plain, island_nodes(plain, weighted))
    method = Method.of(config, form.symmetric_activations)
    seen = calibrate(plain, watched, chosen, config.batch_size, method.counts, bench)
    ranges, held = seen.ranges(method, config.replay_widening)
    notes = calibration_notes(config, chosen, held, len(watched))
    pinned = pinned_nodes(plain, config.pins, weighted)
    free = [name for name in weighted if name not in pinned]
    ranked, cut = _ranked(config, plain, free, ranges, form, bench)
    if cut:
        notes.append("the time limit cut the measuring of sensitivity: some nodes were measured in groups only")
    rows = selection_rows(bench, config.selection_rows)
    exact = predictions(score(plain, rows, bench.contract, bench.threads), bench.contract)
    mixer = _Mixer(config, plain, weighted, ranges, form, bench, exact)
    widest = dict.fromkeys(pinned, max(config.widths))
    narrowest, steps = promotions(ranked, config.widths, _weights(plain, weighted))

    def widths_after(count: int) -> Widths:
        return {**widest, **promoted(narrowest, steps, count)}

    allowed = bench.objectives.maximum_loss if config.maximum_loss is None else config.maximum_loss
    found = fewest_steps(len(steps), lambda count: mixer.loss(widths_after(count)), allowed)
    _keep_ranking(ranked, bench)
    notes += [item.told() for item in ranked[:20]]
    figures |= {"weightedNodes": float(len(weighted)), "mixtures": float(mixer.probes)}
    if found is None:
        least = mixer.loss(widths_after(len(steps)))
        reason = (
            f"even with {max(config.widths)} bits for every layer {least:.2%} of the answers change; {allowed:.2%} may"
        )
        return StepResult(plain, figures, tuple(notes), (reason,))
    count, loss = found
    widths = widths_after(count)
    figures |= {f"nodesOf{width}Bits": float(list(widths.values()).count(width)) for width in sorted(config.widths)}
    figures |= {"selectionRows": float(len(rows)), "selectionLoss": round(loss, 6)}
    made = mixer.model(widths)
    figures["sizeRatio"] = round(len(serialise(made)) / len(serialise(plain)), 4)
    bench.tell("mix", 1.0, "")
    return StepResult(made, figures, tuple(notes))


def _ranked(
    config: QuantizeMixed,
    plain: onnx.ModelProto,
    free: list[str],
    ranges: Ranges,
    form: QuantizedForm,
    bench: Workbench,
) -> tuple[list[Sensitivity], bool]:
    narrow = sorted({width for width in config.widths if width < 16})
    if not free or not narrow:
        return [Sensitivity(name, {}, {}) for name in free], False
    simulation = Simulation(plain, free, ranges, form, bench.contract, bench.threads)
    rows = selection_rows(bench, config.sensitivity_rows)
    return sensitivities(
        simulation, free, narrow, rows, bench, lambda share, text: bench.tell("sensitivity", share, text)
    )


def _weights(model: onnx.ModelProto, weighted: list[str]) -> dict[str, int]:
    graph = Graph(model)
    sizes: dict[str, int] = {}
    for name in weighted:
        node = graph.nodes[name]
        sizes[name] = int(graph.constant(node.input[WEIGHTED[node.op_type]]).size)
    return sizes


def _keep_ranking(ranked: list[Sensitivity], bench: Workbench) -> None:
    """The whole ranking for whoever shows it, beside the notes that name the worst."""
    if bench.scratch is None:
        return
    content = [
        {
            "node": item.node,
            "divergence": {str(bits): value for bits, value in item.loss.items()},
            "relativeError": {str(bits): value for bits, value in item.error.items()},
            "measuredWithNeighbours": item.shared,
        }
        for item in ranked
    ]
    bench.scratch.mkdir(parents=True, exist_ok=True)
    (bench.scratch / "sensitivity.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
