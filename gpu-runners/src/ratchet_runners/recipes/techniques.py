"""Every technique that a recipe may have as a step. One line each: this is the list that everything else follows."""

from __future__ import annotations

from ratchet_runners.builder.config import BuilderStudent
from ratchet_runners.distil.config import Distil
from ratchet_runners.fine_tune.config import FineTune
from ratchet_runners.joint.config import Joint
from ratchet_runners.prune.channels.config import PruneChannels
from ratchet_runners.prune.weights.config import PruneWeights
from ratchet_runners.quantize.aware.config import QuantizeAware
from ratchet_runners.quantize.bias.config import CorrectBias
from ratchet_runners.quantize.dynamic.config import QuantizeDynamic
from ratchet_runners.quantize.embeddings.config import QuantizeEmbeddings
from ratchet_runners.quantize.equalise.config import Equalise
from ratchet_runners.quantize.half.config import QuantizeHalf
from ratchet_runners.quantize.mixed.config import QuantizeMixed
from ratchet_runners.quantize.rounding.config import RoundAdaptively
from ratchet_runners.quantize.smooth.config import Smooth
from ratchet_runners.quantize.static.config import QuantizeStatic
from ratchet_runners.quantize.weights.config import QuantizeWeights
from ratchet_runners.technique import Technique

TECHNIQUES: tuple[type[Technique], ...] = (
    QuantizeStatic,
    QuantizeDynamic,
    QuantizeMixed,
    QuantizeHalf,
    QuantizeEmbeddings,
    QuantizeAware,
    Joint,
    QuantizeWeights,
    Equalise,
    RoundAdaptively,
    CorrectBias,
    Smooth,
    PruneChannels,
    PruneWeights,
    Distil,
    FineTune,
    BuilderStudent,
)
