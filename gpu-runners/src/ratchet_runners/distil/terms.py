"""Terms of the loss beside the answers: which tensors they compare, and the projections that they learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import onnx
import torch
from torch import nn

from ratchet_runners.distil import losses
from ratchet_runners.distil.config import AttentionTerm, Distil, FeatureTerm, RelationTerm
from ratchet_runners.distil.pairing import Match, Shape, attention_pairs, feature_pairs, last_pair, named_pairs, require
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.workbench import Workbench

Tensors = Mapping[str, torch.Tensor]
#: Takes the student's tensor, the teacher's and the number of rows.
Comparison = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]


class Term(nn.Module):
    """One term: the mean of a comparison over its pairs, times its weight."""

    def __init__(self, name: str, weight: float, matches: Sequence[Match], compare: Sequence[Comparison]) -> None:
        super().__init__()
        self.name, self.weight = name, weight
        self.matches, self._compare = tuple(matches), tuple(compare)
        #: What learns beside the student, and is thrown away with the term.
        self.projections = nn.ModuleList(each for each in compare if isinstance(each, nn.Module))

    def forward(self, student: Tensors, teacher: Tensors, rows: int) -> torch.Tensor:
        values = [
            compare(student[match.student.name], teacher[match.teacher.name], rows)
            for compare, match in zip(self._compare, self.matches, strict=True)
        ]
        return self.weight * torch.stack(values).mean()


class Hint(nn.Module):
    """Features of the student against the teacher's, through a learned linear map where the widths differ."""

    def __init__(self, match: Match, generator: torch.Generator) -> None:
        """@throws ModelUnusable where more than the width differs"""
        super().__init__()
        student, teacher = match.student.shape, match.teacher.shape
        self._axis = _width_axis(student, teacher)
        self.projection: nn.Parameter | None = None
        if student[self._axis] != teacher[self._axis]:
            wide = torch.randn(teacher[self._axis], student[self._axis], generator=generator)
            self.projection = nn.Parameter(wide / student[self._axis] ** 0.5)

    def forward(self, student: torch.Tensor, teacher: torch.Tensor, rows: int) -> torch.Tensor:
        if self.projection is not None:
            student = (student.movedim(self._axis, -1) @ self.projection.T).movedim(-1, self._axis)
        if student.dim() == 4 and student.shape[2:] != teacher.shape[2:]:
            teacher = nn.functional.adaptive_avg_pool2d(teacher, (student.shape[2], student.shape[3]))
        return losses.features(student, teacher)


def _width_axis(student: Shape, teacher: Shape) -> int:
    """Where the channels are: second for images, else last, or second where only that differs."""
    if len(student) != len(teacher):
        raise ModelUnusable(f"Features of shapes {student} and {teacher} have no common form")
    if len(student) == 4:
        return 1
    axis = 1 if len(student) == 3 and student[2] == teacher[2] and student[1] != teacher[1] else len(student) - 1
    if any(ours != theirs for at, (ours, theirs) in enumerate(zip(student, teacher, strict=True)) if at != axis):
        raise ModelUnusable(f"Features of shapes {student} and {teacher} differ in more than their width")
    return axis


def terms_of(config: Distil, student: onnx.ModelProto, teacher: onnx.ModelProto, bench: Workbench) -> list[Term]:
    """The terms that the configuration asks for. @throws ModelUnusable where tensors cannot be found or compared"""
    made: list[Term] = []
    if config.features is not None:
        made.append(_features(config.features, student, teacher, bench))
    if config.attention is not None:
        made.append(_attention(config.attention, student, teacher, bench))
    if config.relations is not None:
        made.append(_relations(config.relations, student, teacher, bench))
    return made


def _features(term: FeatureTerm, student: onnx.ModelProto, teacher: onnx.ModelProto, bench: Workbench) -> Term:
    matches = named_pairs(term.pairs, student, teacher, bench)
    matches = matches or require(feature_pairs(student, teacher, term.count, bench), "features")
    generator = torch.Generator().manual_seed(bench.seed)
    return Term("features", term.weight, matches, [Hint(match, generator) for match in matches])


def _attention(term: AttentionTerm, student: onnx.ModelProto, teacher: onnx.ModelProto, bench: Workbench) -> Term:
    matches = named_pairs(term.pairs, student, teacher, bench)
    kind = term.kind
    if kind == "auto" and matches:
        kind = "probabilities" if _are_probabilities(matches, student) else "maps"
    if not matches and kind != "maps":
        matches = attention_pairs(student, teacher, term.count, bench)
        kind = "probabilities" if matches or kind == "probabilities" else "maps"
    if not matches and kind == "maps":
        matches = feature_pairs(student, teacher, term.count, bench, rank=4)
    require(matches, "attention")
    if kind == "probabilities":
        return Term("attention", term.weight, matches, [losses.attention_probabilities] * len(matches))
    if any(len(tap.shape) != 4 for match in matches for tap in (match.student, match.teacher)):
        raise ModelUnusable("Attention maps need tensors of rows, channels, height and width")

    def maps(ours: torch.Tensor, theirs: torch.Tensor, rows: int) -> torch.Tensor:
        return losses.attention_maps(ours, theirs)

    return Term("attention", term.weight, matches, [maps] * len(matches))


def _are_probabilities(matches: Sequence[Match], student: onnx.ModelProto) -> bool:
    """Whether the named tensors come out of a softmax."""
    made_by = {name: node.op_type for node in student.graph.node for name in node.output}
    return all(made_by.get(match.student.name) == "Softmax" for match in matches)


def _relations(term: RelationTerm, student: onnx.ModelProto, teacher: onnx.ModelProto, bench: Workbench) -> Term:
    matches = named_pairs(term.pairs, student, teacher, bench)
    matches = matches or require(last_pair(student, teacher, bench), "relations")

    def compare(ours: torch.Tensor, theirs: torch.Tensor, rows: int) -> torch.Tensor:
        if term.kind == "similarity":
            return losses.similarities(ours, theirs)
        far = (1 - term.angle_share) * losses.distances(ours, theirs)
        return far + term.angle_share * losses.angles(ours, theirs)

    return Term("relations", term.weight, matches, [compare] * len(matches))
