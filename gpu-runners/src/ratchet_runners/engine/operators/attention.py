"""Attention and rotary positions as operators (Vaswani et al., 2017; Su et al., RoFormer, 2021)."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from ratchet_runners.engine.operators.registry import (
    Attributes,
    Inputs,
    UnsupportedForm,
    given,
    only_output,
    operator,
    optional,
)


def _heads(x: torch.Tensor, count: int) -> torch.Tensor:
    """[batch, steps, heads * width] as [batch, heads, steps, width]."""
    return x.reshape(x.shape[0], x.shape[1], count, -1).transpose(1, 2)


@operator("Attention")
def attention(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    """Without a cache of earlier keys; fewer heads of keys than of queries are shared between groups of them."""
    only_output(attributes)
    if any(optional(inputs, position) is not None for position in (4, 5, 6)):
        raise UnsupportedForm("attention with a cache of earlier steps")
    q, k, v = given(inputs, 0), given(inputs, 1), given(inputs, 2)
    flat = q.dim() == 3
    if flat:
        q = _heads(q, int(attributes["q_num_heads"]))
        k, v = _heads(k, int(attributes["kv_num_heads"])), _heads(v, int(attributes["kv_num_heads"]))
    if k.shape[1] != q.shape[1]:
        k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], dim=1) for x in (k, v))
    scale = float(attributes.get("scale", 0.0)) or 1 / math.sqrt(q.shape[-1])
    scores = scale * (q @ k.transpose(-1, -2))
    softcap = float(attributes.get("softcap", 0.0))
    mask = _mask(attributes, optional(inputs, 3), scores)
    if softcap:
        scores = softcap * torch.tanh(scores / softcap)
    scores = scores if mask is None else scores + mask
    answer = torch.softmax(scores, dim=-1) @ v
    return answer.transpose(1, 2).flatten(2) if flat else answer


def _mask(attributes: Attributes, mask: torch.Tensor | None, scores: torch.Tensor) -> torch.Tensor | None:
    """What is added to the scores; minus infinity where nothing may be seen."""
    added = None
    if attributes.get("is_causal", 0):
        steps, keys = scores.shape[-2:]
        hidden = torch.ones(steps, keys, dtype=torch.bool, device=scores.device).triu(1)
        added = torch.zeros(steps, keys, dtype=scores.dtype, device=scores.device).masked_fill(hidden, -math.inf)
    if mask is None:
        return added
    mask = mask.to(scores.device)
    if mask.dtype == torch.bool:
        mask = torch.zeros_like(mask, dtype=scores.dtype).masked_fill(~mask, -math.inf)
    if mask.shape[-1] < scores.shape[-1]:
        mask = functional.pad(mask, [0, scores.shape[-1] - mask.shape[-1]], value=-math.inf)
    return mask if added is None else mask + added


@operator("RotaryEmbedding")
def rotary_embedding(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, cos, sin, positions = given(inputs, 0), given(inputs, 1), given(inputs, 2), optional(inputs, 3)
    flat = x.dim() == 3
    if flat:
        x = _heads(x, int(attributes["num_heads"]))
    width = int(attributes.get("rotary_embedding_dim", 0)) or x.shape[-1]
    turned, rest = x[..., :width], x[..., width:]
    if positions is not None:
        cos, sin = cos[positions.to(torch.int64)], sin[positions.to(torch.int64)]
    cos, sin = (table[:, None, :, : width // 2] for table in (cos, sin))
    if attributes.get("interleaved", 0):
        one, other = turned[..., 0::2], turned[..., 1::2]
    else:
        one, other = turned[..., : width // 2], turned[..., width // 2 :]
    real, imaginary = one * cos - other * sin, one * sin + other * cos
    if attributes.get("interleaved", 0):
        turned = torch.stack((real, imaginary), dim=-1).flatten(-2)
    else:
        turned = torch.cat((real, imaginary), dim=-1)
    answer = torch.cat((turned, rest), dim=-1)
    return answer.transpose(1, 2).flatten(2) if flat else answer
