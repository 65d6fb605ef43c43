"""Trains the graph that will be deployed: fake quantization at its own Q/DQ pairs, real integers at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from ratchet_runners.engine.module import GraphModule
from ratchet_runners.engine.operators.registry import Attributes, Inputs, Operator, UnsupportedForm, given, optional
from ratchet_runners.engine.quantized_function import Compensation, Grid, fake_quantize, to_integers
from ratchet_runners.engine.quantized_layout import (
    Activation,
    Bias,
    Numbers,
    Weight,
    integers_of,
    is_quantized,
    layout_of,
)
from ratchet_runners.engine.quantized_masters import start_of
from ratchet_runners.engine.weights import tensor_of
from ratchet_runners.model.graph import Array, kind_of


def trainable_module(
    model: onnx.ModelProto, input_name: str, output_name: str, source: onnx.ModelProto | None = None
) -> GraphModule:
    """The module for a graph with or without Q/DQ pairs; `source` as in `QuantizedModule`. @throws ModelUnusable"""
    if is_quantized(model):
        return QuantizedModule(model, input_name, output_name, source)
    return GraphModule(model, input_name, output_name)


class QuantizedModule(GraphModule):
    """A graph with Q/DQ pairs. Integer weights and biases are float masters that are rounded at every use.

    Steps are learned (their logarithm is the parameter, so that one rate suits small and large ones); zero points stay.
    A bias keeps to the step that integer kernels expect, data's times weight's. Tensors that share a scale in the graph
    share it here. Untouched, `write_back` gives exactly the graph that came.
    """

    def __init__(
        self, model: onnx.ModelProto, input_name: str, output_name: str, source: onnx.ModelProto | None = None
    ) -> None:
        """`source` is the float graph that was quantized: what rounding took from its weights is taken up again."""
        self._layout = layout_of(model)
        self._uses: dict[str, Weight | Bias | Activation] = {
            use.node: use for use in (*self._layout.weights, *self._layout.biases, *self._layout.activations)
        }
        super().__init__(model, input_name, output_name)
        constants = integers_of(model)
        self._scale_slots = {name: at for at, name in enumerate(self._layout.scales)}
        given_scales = [tensor_of(name, constants[name]) for name in self._layout.scales]
        #: Scales as they were placed (or as ranges followed them), and the logarithm of what was learned on top.
        self.placed = nn.ParameterList([nn.Parameter(scale, requires_grad=False) for scale in given_scales])
        self.learned = nn.ParameterList([nn.Parameter(torch.zeros_like(scale)) for scale in given_scales])
        starts = start_of(model, self._layout, source)
        self._master_slots = {name: at for at, name in enumerate(starts)}
        self.masters = nn.ParameterList([nn.Parameter(_spread_out(array)) for array in starts.values()])
        #: Bits that weights of fewer are trained at in a round of progressive widths; 0: each at its own.
        self.width = 0
        self.compensation = Compensation()
        #: Called with every activation's site and float value while training; None where nothing watches.
        self.watch: Callable[[Activation, torch.Tensor], None] | None = None

    @property
    def layout_of_pairs(self) -> tuple[tuple[Weight, ...], tuple[Activation, ...]]:
        """Weights and activations with Q/DQ pairs, in the graph's order."""
        return self._layout.weights, self._layout.activations

    @property
    def quantizer_parameters(self) -> list[nn.Parameter]:
        """The learned part of the scales: they have a rate and a clipping of their own."""
        return list(self.learned)

    def scale(self, name: str) -> torch.Tensor:
        """The scale as it is now, positive, of the shape that the graph gives it."""
        at = self._scale_slots[name]
        return self.placed[at] * torch.exp(self.learned[at])

    def place_scale(self, name: str, value: torch.Tensor) -> None:
        """Sets a scale anew and forgets what was learned on top of the old one."""
        at = self._scale_slots[name]
        with torch.no_grad():
            self.placed[at].copy_(value.reshape(self.placed[at].shape))
            self.learned[at].zero_()

    def master(self, tensor: str) -> nn.Parameter:
        """The float weight (or bias) that an integer constant stands for. KeyError where it is none."""
        return self.masters[self._master_slots[tensor]]

    def handler_of(self, node: onnx.NodeProto) -> Operator | None:
        if node.name in self._layout.undone:
            return _as_it_is
        if kind_of(node) not in ("QuantizeLinear", "DequantizeLinear"):
            return super().handler_of(node)
        use = self._uses.get(node.name)
        if isinstance(use, Weight):
            return partial(self._weight, use)
        if isinstance(use, Bias):
            return partial(self._bias, use)
        if isinstance(use, Activation):
            return partial(self._activation, use)
        return _plain_quantize if node.op_type == "QuantizeLinear" else _plain_dequantize

    def trainable_in(self, model: onnx.ModelProto) -> list[str]:
        scales = {node.input[1] for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")}
        return [name for name in super().trainable_in(model) if name not in scales]

    def grid_of(self, numbers: Numbers, count: float, shape: tuple[int, ...], device: torch.device) -> Grid:
        """Bounds for a tensor of this shape, of which `count` numbers share a step."""
        zero = numbers.zero
        low, high = float(numbers.low), float(numbers.high)
        gradient = 1.0 / float(np.sqrt(max(1.0, count * (high - float(zero.max(initial=0))))))
        if zero.size and (zero != zero.flat[0]).any():
            spread = spread_over(torch.from_numpy(zero.astype(np.float32)).to(device), shape, numbers)
            return Grid(low - spread, high - spread, gradient, self.compensation)
        shift = float(zero.flat[0]) if zero.size else 0.0
        return Grid(low - shift, high - shift, gradient, self.compensation)

    def write_back(self) -> onnx.ModelProto:
        """The same graph with real integers, and scales as they were learned. Always at the weights' own widths."""
        model = super().write_back()
        with torch.no_grad():
            changed = dict(self._folded())
        for tensor in model.graph.initializer:
            if tensor.name not in changed:
                continue
            old = numpy_helper.to_array(tensor)
            new = changed[tensor.name].astype(old.dtype).reshape(old.shape)
            if not np.array_equal(new, old):
                tensor.CopyFrom(numpy_helper.from_array(np.asarray(new, order="C"), tensor.name))
        return model

    def _folded(self) -> list[tuple[str, Array]]:
        found = [(name, self.scale(name).cpu().numpy()) for name in self._layout.scales]
        for weight in self._layout.weights:
            master = self.master(weight.tensor)
            grid = self.grid_of(weight.numbers, 1, tuple(master.shape), master.device)
            step = spread_over(self.scale(weight.numbers.scale), tuple(master.shape), weight.numbers)
            zero = spread_over(
                torch.from_numpy(weight.numbers.zero.astype(np.float32)).to(master.device),
                tuple(master.shape),
                weight.numbers,
            )
            found.append((weight.tensor, (to_integers(master, step, grid) + zero).cpu().numpy()))
        for bias in self._layout.biases:
            step = self._bias_scale(bias)
            found.append((bias.scale, step.cpu().numpy()))
            found.append((bias.tensor, _whole(self.master(bias.tensor), step).cpu().numpy()))
        return found

    def _weight(self, use: Weight, form: Attributes, inputs: Inputs) -> torch.Tensor:
        master, numbers = self.master(use.tensor), use.numbers
        scale = self.scale(numbers.scale)
        grid = self.grid_of(numbers, master.numel() / scale.numel(), tuple(master.shape), master.device)
        finer = max(0, self.width - numbers.bits)
        step = spread_over(scale, tuple(master.shape), numbers)
        return fake_quantize(master, step / 2**finer if finer else step, grid.finer(finer))

    def _bias(self, use: Bias, form: Attributes, inputs: Inputs) -> torch.Tensor:
        master, step = self.master(use.tensor), self._bias_scale(use)
        rounded = _whole(master.detach(), step).to(master.dtype) * step
        return master + (rounded - master.detach())

    def _bias_scale(self, use: Bias) -> torch.Tensor:
        return self.scale(use.data_scale).detach().reshape(-1) * self.scale(use.weight_scale).detach().reshape(-1)

    def _activation(self, use: Activation, form: Attributes, inputs: Inputs) -> torch.Tensor:
        x, numbers = given(inputs, 0), use.numbers
        if self.watch is not None and self.training:
            self.watch(use, x.detach())
        scale = self.scale(numbers.scale)
        count = x.numel() / max(1, x.shape[0] if x.dim() else 1) / scale.numel()
        grid = self.grid_of(numbers, count, tuple(x.shape), x.device)
        return fake_quantize(x, spread_over(scale, tuple(x.shape), numbers), grid)


def spread_over(scale: torch.Tensor, shape: tuple[int, ...], numbers: Numbers) -> torch.Tensor:
    """A scale (or zero point) so that it broadcasts to a tensor: per tensor, per channel along the axis, by block."""
    if scale.numel() == 1:
        return scale.reshape(())
    axis = numbers.axis % len(shape)
    if numbers.block:
        return scale.repeat_interleave(numbers.block, dim=axis).narrow(axis, 0, shape[axis])
    return scale.reshape([-1 if position == axis else 1 for position in range(len(shape))])


def _as_it_is(form: Attributes, inputs: Inputs) -> torch.Tensor:
    return given(inputs, 0)


def _whole(values: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    """32-bit integers in double precision: single has 24 bits of them."""
    return torch.round(values.double() / step.double()).clamp(-(2**31), 2**31 - 1)


def _plain_quantize(form: Attributes, inputs: Inputs) -> torch.Tensor:
    raise UnsupportedForm("integers that something else than DequantizeLinear takes, or a computed scale")


def _plain_dequantize(form: Attributes, inputs: Inputs) -> torch.Tensor:
    x, scale, zero = given(inputs, 0), given(inputs, 1), optional(inputs, 2)
    numbers = Numbers("", np.zeros(0), 0, 0, int(form.get("axis", 1)), int(form.get("block_size", 0)))
    shape = tuple(x.shape)
    whole = x.to(scale.dtype)
    if zero is not None:
        whole = whole - spread_over(zero.to(scale.dtype), shape, numbers)
    return whole * spread_over(scale, shape, numbers)


def _spread_out(array: Array) -> torch.Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


def masters_of(module: GraphModule) -> Mapping[str, Array]:
    """Float values of what the graph holds in integers, by the integer constant's name; empty for a float graph."""
    if not isinstance(module, QuantizedModule):
        return {}
    names = module._master_slots  # pyright: ignore[reportPrivateUsage]
    return {name: module.master(name).detach().cpu().numpy() for name in names}
