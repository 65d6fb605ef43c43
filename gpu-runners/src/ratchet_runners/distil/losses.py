"""What the student is pulled towards: each a pure function of tensors, averaged over the rows of a batch."""

from __future__ import annotations

import torch
from torch.nn import functional

#: Rows of a batch that angles are taken between: triples grow with the third power.
MOST_ROWS_FOR_ANGLES = 48


def as_logits(outputs: torch.Tensor) -> torch.Tensor:
    """Rows of probabilities (not negative, summing to one) as their logarithms; other rows as they are."""
    with torch.no_grad():
        probabilities = bool((outputs >= 0).all()) and bool(((outputs.sum(dim=1) - 1).abs() < 1e-3).all())
    return torch.log(outputs.clamp_min(1e-7)) if probabilities else outputs


def soft_targets(outputs: torch.Tensor, taught: torch.Tensor, temperature: float) -> torch.Tensor:
    """Kullback-Leibler divergence of softened answers for every row, times T^2 so that gradients keep their size
    (Hinton, Vinyals, Dean 2015, "Distilling the knowledge in a neural network").
    """
    student = functional.log_softmax(outputs / temperature, dim=1)
    teacher = functional.softmax(taught / temperature, dim=1)
    return temperature**2 * functional.kl_div(student, teacher, reduction="none").sum(dim=1)


def features(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean squared difference as a share of the teacher's mean square, so that no layer counts by its scale (hints:
    Romero and others 2015, "FitNets", equation 3, here normalised).
    """
    return functional.mse_loss(student, teacher) / teacher.square().mean().clamp_min(1e-12)


def attention_maps(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Distance between normalised maps of where a convolution responds (Zagoruyko and Komodakis 2017, "Paying more
    attention to attention", equation 2 with p = 2 and squared). Both are (rows, channels, height, width); a larger
    map of the teacher is averaged down to the student's.
    """
    if teacher.shape[2:] != student.shape[2:]:
        teacher = functional.adaptive_avg_pool2d(teacher, (student.shape[2], student.shape[3]))
    return (_map(student) - _map(teacher)).square().sum(dim=1).mean()


def _map(values: torch.Tensor) -> torch.Tensor:
    return functional.normalize(values.square().mean(dim=1).flatten(1), dim=1)


def attention_probabilities(student: torch.Tensor, teacher: torch.Tensor, rows: int) -> torch.Tensor:
    """Divergence of the teacher's attention from the student's for every query (Sun and others 2020, "MobileBERT",
    equation 2). Both are (rows, heads, queries, keys), or with rows and heads in one dimension; where the numbers of
    heads differ their means are compared.
    """
    if student.shape != teacher.shape:
        student, teacher = _mean_head(student, rows), _mean_head(teacher, rows)
    logarithm = torch.log(student.clamp_min(1e-9))
    return functional.kl_div(logarithm, teacher, reduction="none").sum(dim=-1).mean()


def _mean_head(values: torch.Tensor, rows: int) -> torch.Tensor:
    return values.reshape(rows, -1, *values.shape[-2:]).mean(dim=1)


def distances(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Huber loss between the distances of all pairs of rows, each as a multiple of the mean distance (Park and others
    2019, "Relational knowledge distillation", equations 5-7).
    """
    return functional.smooth_l1_loss(_distances(student.flatten(1)), _distances(teacher.flatten(1)))


def _distances(rows: torch.Tensor) -> torch.Tensor:
    between = torch.pdist(rows)
    return between / between.detach().mean().clamp_min(1e-12)


def angles(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Huber loss between the cosines of the angles of all triples of rows (Park and others 2019, equations 8 and 9)."""
    return functional.smooth_l1_loss(_angles(student.flatten(1)), _angles(teacher.flatten(1)))


def _angles(rows: torch.Tensor) -> torch.Tensor:
    rows = rows[:MOST_ROWS_FOR_ANGLES]
    directions = functional.normalize(rows[None, :, :] - rows[:, None, :], dim=2)
    return torch.bmm(directions, directions.transpose(1, 2))


def similarities(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Squared distance of the rows' normalised similarity matrices, over the batch's square (Tung and Mori 2019,
    "Similarity-preserving knowledge distillation", equation 4).
    """
    return (_similarities(student.flatten(1)) - _similarities(teacher.flatten(1))).square().sum() / len(student) ** 2


def _similarities(rows: torch.Tensor) -> torch.Tensor:
    return functional.normalize(rows @ rows.T, dim=1)
