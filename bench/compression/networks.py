"""The networks that are compressed: ordinary torch modules, as a team would train them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """Two convolutions and a way around them (He et al. 2016)."""

    def __init__(self, taken: int, given: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(taken, given, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(given)
        self.second = nn.Conv2d(given, given, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(given)
        self.around = None
        if stride != 1 or taken != given:
            self.around = nn.Sequential(nn.Conv2d(taken, given, 1, stride, bias=False), nn.BatchNorm2d(given))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.second_norm(self.second(functional.relu(self.first_norm(self.first(x)))))
        return functional.relu(inner + (x if self.around is None else self.around(x)))


class ResidualNetwork(nn.Module):
    """Images (n, 1, 28, 28) to ten logits; `widths` are the channels of the three stages."""

    def __init__(self, widths: tuple[int, int, int] = (32, 64, 128)) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU())
        self.blocks = nn.Sequential(
            Block(widths[0], widths[0], 1), Block(widths[0], widths[1], 2), Block(widths[1], widths[2], 2)
        )
        self.head = nn.Linear(widths[2], 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)).mean(dim=(2, 3)))


class SmallNetwork(nn.Module):
    """Depthwise-separable convolutions with some ten thousand weights, the hard case for four bits."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
        for taken, given, stride in ((16, 32, 1), (32, 64, 2), (64, 64, 1)):
            layers += [
                nn.Conv2d(taken, taken, 3, stride, 1, groups=taken, bias=False),
                nn.BatchNorm2d(taken),
                nn.ReLU(),
            ]
            layers += [nn.Conv2d(taken, given, 1, bias=False), nn.BatchNorm2d(given), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(x).mean(dim=(2, 3)))


class Layer(nn.Module):
    """A transformer layer that normalises after each half (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.join = (nn.Linear(width, width) for _ in range(4))
        self.inner, self.outer = nn.Linear(width, inner), nn.Linear(inner, width)
        self.after_attention, self.after_inner = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        rows, length, width = x.shape

        def split(values: torch.Tensor) -> torch.Tensor:
            return values.reshape(-1, length, self.heads, width // self.heads).transpose(1, 2)

        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        scores = query @ key.transpose(2, 3) / (width // self.heads) ** 0.5 + mask
        joined = (functional.softmax(scores, dim=-1) @ value).transpose(1, 2).reshape(-1, length, width)
        x = self.after_attention(x + self.join(joined))
        return self.after_inner(x + self.outer(functional.gelu(self.inner(x))))


class Encoder(nn.Module):
    """Token ids (n, tokens) to two logits, by the mean over what is no padding."""

    def __init__(self, vocabulary: int, tokens: int, width: int = 128, layers: int = 2, inner: int = 512) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.places = nn.Parameter(torch.randn(tokens, width) * 0.02)
        self.layers = nn.ModuleList(Layer(width, 4, inner) for _ in range(layers))
        self.head = nn.Linear(width, 2)
        nn.init.normal_(self.words.weight, std=0.05)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        present = (ids != 0).to(torch.float32)
        mask = (present - 1)[:, None, None, :] * 1e4
        x = self.words(ids) + self.places
        for layer in self.layers:
            x = layer(x, mask)
        weight = present[:, :, None]
        return self.head((x * weight).sum(1) / weight.sum(1).clamp(min=1))


class Recurrent(nn.Module):
    """Series (n, steps, channels) to logits: a GRU (Cho et al. 2014), its states averaged."""

    def __init__(self, channels: int, classes: int, width: int = 96) -> None:
        super().__init__()
        self.before = nn.Linear(channels, width)
        self.states = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.states(functional.relu(self.before(x)))[0].mean(dim=1))


class DeepResidualNetwork(nn.Module):
    """ResNet-18's stages for images (n, 3, 32, 32), eleven million weights; used for its shape, untrained."""

    def __init__(self) -> None:
        super().__init__()
        stages = ((64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2))
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU())
        self.blocks = nn.Sequential(*(Block(*stage) for stage in stages), Block(512, 512, 1))
        self.head = nn.Linear(512, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)).mean(dim=(2, 3)))
