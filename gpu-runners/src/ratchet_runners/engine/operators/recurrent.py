"""RNN, GRU and LSTM: by torch's own kernels where they know the form, else step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ratchet_runners.engine.operators.activations import named_activation
from ratchet_runners.engine.operators.indexing import lengths_of, reversed_places
from ratchet_runners.engine.operators.registry import (
    Attributes,
    Inputs,
    Outputs,
    UnsupportedForm,
    given,
    operator,
    optional,
)

State = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Cell:
    """The weights of one direction. `w` [gates, hidden, input], `r` [gates, hidden, hidden], biases [gates, hidden]."""

    w: torch.Tensor
    r: torch.Tensor
    wb: torch.Tensor
    rb: torch.Tensor
    #: Peepholes of an LSTM, [3, hidden], in the order input, output, forget.
    peep: torch.Tensor | None
    activations: tuple[Callable[[torch.Tensor], torch.Tensor], ...]
    linear_before_reset: bool
    coupled: bool


def _refuse(attributes: Attributes) -> None:
    if attributes.get("layout", 0):
        raise UnsupportedForm("a layout with the batch first, which ONNX Runtime does not serve either")
    if attributes.get("clip") is not None:
        raise UnsupportedForm("clipped gates")
    if attributes.get("activation_alpha") or attributes.get("activation_beta"):
        raise UnsupportedForm("activations with parameters")


def _directions(attributes: Attributes) -> list[bool]:
    """For each direction whether it goes backwards."""
    return {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[
        attributes.get("direction", "forward")
    ]


def _cells(attributes: Attributes, inputs: Inputs, gates: int, defaults: tuple[str, ...]) -> list[Cell]:
    w, r, b, peep = given(inputs, 1), given(inputs, 2), optional(inputs, 3), optional(inputs, 7)
    count, hidden = r.shape[0], r.shape[2]
    names = list(attributes.get("activations") or defaults * count)
    cells: list[Cell] = []
    for number in range(count):
        bias = torch.zeros(2 * gates * hidden, dtype=w.dtype, device=w.device) if b is None else b[number]
        own = names[number * len(defaults) : (number + 1) * len(defaults)]
        cells.append(
            Cell(
                w[number].reshape(gates, hidden, -1),
                r[number].reshape(gates, hidden, hidden),
                bias[: gates * hidden].reshape(gates, hidden),
                bias[gates * hidden :].reshape(gates, hidden),
                None if peep is None else peep[number].reshape(3, hidden),
                tuple(named_activation(name) for name in own),
                bool(attributes.get("linear_before_reset", 0)),
                bool(attributes.get("input_forget", 0)),
            )
        )
    return cells


def _rnn_step(cell: Cell, drive: torch.Tensor, state: State) -> State:
    (f,) = cell.activations
    return (f(drive[0] + state[0] @ cell.r[0].t() + cell.rb[0]),)


def _gru_step(cell: Cell, drive: torch.Tensor, state: State) -> State:
    """Gates in the order update, reset, hidden."""
    f, g = cell.activations
    (h,) = state
    update = f(drive[0] + h @ cell.r[0].t() + cell.rb[0])
    reset = f(drive[1] + h @ cell.r[1].t() + cell.rb[1])
    if cell.linear_before_reset:
        fresh = g(drive[2] + reset * (h @ cell.r[2].t() + cell.rb[2]))
    else:
        fresh = g(drive[2] + (reset * h) @ cell.r[2].t() + cell.rb[2])
    return ((1 - update) * fresh + update * h,)


def _lstm_step(cell: Cell, drive: torch.Tensor, state: State) -> State:
    """Gates in the order input, output, forget, cell."""
    f, g, last = cell.activations
    h, c = state
    i, o, forget, fresh = (drive[gate] + h @ cell.r[gate].t() + cell.rb[gate] for gate in range(4))
    if cell.peep is not None:
        i, forget = i + cell.peep[0] * c, forget + cell.peep[2] * c
    i = f(i)
    forget = 1 - i if cell.coupled else f(forget)
    c = forget * c + i * g(fresh)
    o = f(o if cell.peep is None else o + cell.peep[1] * c)
    return o * last(c), c


def _unrolled(
    cell: Cell,
    x: torch.Tensor,
    start: State,
    backwards: bool,
    lengths: torch.Tensor | None,
    step: Callable[[Cell, torch.Tensor, State], State],
) -> tuple[torch.Tensor, State]:
    """States of all steps [time, batch, hidden] and the last ones; beyond a sequence's length the answers are zero."""
    whole = torch.full((x.shape[1],), x.shape[0], device=x.device) if lengths is None else lengths
    places = reversed_places(x.shape[0], whole)[:, :, None]
    x = torch.gather(x, 0, places.expand_as(x)) if backwards else x
    drives = torch.einsum("tbi,ghi->gtbh", x, cell.w) + cell.wb[:, None, None, :]
    state, found = start, list[torch.Tensor]()
    for time in range(x.shape[0]):
        news = step(cell, drives[:, time], state)
        if lengths is not None:
            alive = (time < lengths)[:, None]
            state = tuple(torch.where(alive, new, old) for new, old in zip(news, state, strict=True))
            found.append(torch.where(alive, news[0], torch.zeros_like(news[0])))
        else:
            state = news
            found.append(news[0])
    answers = torch.stack(found)
    return torch.gather(answers, 0, places.expand_as(answers)) if backwards else answers, state


def _start(inputs: Inputs, positions: tuple[int, ...], number: int, like: torch.Tensor, hidden: int) -> State:
    states: list[torch.Tensor] = []
    for position in positions:
        initial = optional(inputs, position)
        zeros = torch.zeros(like.shape[1], hidden, dtype=like.dtype, device=like.device)
        states.append(zeros if initial is None else initial[number].to(like))
    return tuple(states)


def _joined(parts: list[tuple[torch.Tensor, State]]) -> Outputs:
    """All answers as [time, directions, batch, hidden], last states as [directions, batch, hidden]."""
    answers = torch.stack([part[0] for part in parts], dim=1)
    states = [torch.stack([part[1][number] for part in parts]) for number in range(len(parts[0][1]))]
    return answers, *states


def _fast(
    cells: list[Cell],
    x: torch.Tensor,
    starts: list[State],
    backwards: list[bool],
    order: tuple[int, ...],
    kernel: Callable[[torch.Tensor, list[torch.Tensor], list[torch.Tensor]], tuple[torch.Tensor, State]],
) -> Outputs:
    """Torch's kernels want the gates in another order; a backward direction gets its sequence turned round."""
    parts: list[tuple[torch.Tensor, State]] = []
    for cell, start, back in zip(cells, starts, backwards, strict=True):
        gates = list(order)
        weights = [cell.w[gates].flatten(0, 1), cell.r[gates].flatten(0, 1)]
        weights += [cell.wb[gates].flatten(), cell.rb[gates].flatten()]
        answers, last = kernel(x.flip(0) if back else x, [state[None] for state in start], weights)
        parts.append((answers.flip(0) if back else answers, tuple(state[0] for state in last)))
    return _joined(parts)


def _run(
    attributes: Attributes,
    inputs: Inputs,
    gates: int,
    defaults: tuple[str, ...],
    states: tuple[int, ...],
    step: Callable[[Cell, torch.Tensor, State], State],
) -> Outputs:
    _refuse(attributes)
    x = given(inputs, 0)
    cells, backwards = _cells(attributes, inputs, gates, defaults), _directions(attributes)
    starts = [_start(inputs, states, number, x, cell.r.shape[1]) for number, cell in enumerate(cells)]
    lengths = lengths_of(inputs, 4, x.device)
    named = [name.lower() for name in attributes.get("activations") or defaults]
    usual = lengths is None and all(
        name == own.lower() for name, own in zip(named, defaults * len(cells), strict=False)
    )
    if usual and gates == 4 and cells[0].peep is None and not cells[0].coupled:
        return _fast(cells, x, starts, backwards, (0, 2, 3, 1), _lstm_kernel)
    if usual and gates == 3 and cells[0].linear_before_reset:
        return _fast(cells, x, starts, backwards, (1, 0, 2), _gru_kernel)
    if usual and gates == 1:
        return _fast(cells, x, starts, backwards, (0,), _rnn_kernel)
    return _joined(
        [
            _unrolled(cell, x, start, back, lengths, step)
            for cell, start, back in zip(cells, starts, backwards, strict=True)
        ]
    )


def _lstm_kernel(x: torch.Tensor, start: list[torch.Tensor], weights: list[torch.Tensor]) -> tuple[torch.Tensor, State]:
    answers, h, c = torch.lstm(x, start, weights, True, 1, 0.0, False, False, False)
    return answers, (h, c)


def _gru_kernel(x: torch.Tensor, start: list[torch.Tensor], weights: list[torch.Tensor]) -> tuple[torch.Tensor, State]:
    answers, h = torch.gru(x, start[0], weights, True, 1, 0.0, False, False, False)
    return answers, (h,)


def _rnn_kernel(x: torch.Tensor, start: list[torch.Tensor], weights: list[torch.Tensor]) -> tuple[torch.Tensor, State]:
    answers, h = torch.rnn_tanh(x, start[0], weights, True, 1, 0.0, False, False, False)
    return answers, (h,)


@operator("RNN")
def rnn(attributes: Attributes, inputs: Inputs) -> Outputs:
    return _run(attributes, inputs, 1, ("Tanh",), (5,), _rnn_step)


@operator("GRU")
def gru(attributes: Attributes, inputs: Inputs) -> Outputs:
    """Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014."""
    return _run(attributes, inputs, 3, ("Sigmoid", "Tanh"), (5,), _gru_step)


@operator("LSTM")
def lstm(attributes: Attributes, inputs: Inputs) -> Outputs:
    """Hochreiter and Schmidhuber, Long Short-Term Memory, 1997, with forget gates (Gers et al., 2000)."""
    return _run(attributes, inputs, 4, ("Sigmoid", "Tanh", "Tanh"), (5, 6), _lstm_step)
