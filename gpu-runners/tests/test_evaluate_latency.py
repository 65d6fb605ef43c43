"""Verdicts on speed: by a made-up clock under every kind of disturbance, and once on a machine that is really busy."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from ratchet_runners.evaluate.latency import Rounds, compare, measure
from ratchet_runners.evaluate.running import fallbacks_of, time_shares
from ratchet_runners.evaluate.starting import ChildFailed, starting_of
from ratchet_runners.faults import ModelUnusable
from support import build, images, network
from support_evaluate import CONTRACT_OF_BARS, linear


class Machine:
    """A clock that calls move on, by their own time multiplied by what the machine suffers."""

    def __init__(self, suffering):
        self.now = 0.0
        self.work = 0.0
        self._suffering = suffering

    def clock(self):
        return self.now

    def call(self, seconds):
        def run():
            self.work += seconds
            self.now += seconds * self._suffering(self.now)

        return run


def spells(seed):
    """Contention of 1-4 times that comes and goes in spells longer than a round, with rare stalls."""
    random = np.random.default_rng(seed)
    levels = random.choice([1.0, 2.0, 4.0], 20_000)
    stalls = np.where(random.random(20_000) < 0.02, 20.0, 1.0)
    return lambda now: float(levels[int(now / 0.02) % 20_000] * stalls[int(now / 0.001) % 20_000])


def verdict(candidate, suffering, rounds=40):
    machine = Machine(suffering)
    calls = {"candidate": machine.call(0.002 * candidate), "reference": machine.call(0.002)}
    found = measure(calls, rounds, 1e9, machine.clock)
    return compare(found, "candidate", "reference", 1, 1, 0.95, 0)


@pytest.mark.parametrize(("speed", "expected"), [(0.7, "faster"), (1.4, "slower")])
def test_contention_does_not_turn_a_verdict(speed, expected):
    calm = verdict(speed, lambda _: 1.0)
    assert calm.ratio.value == pytest.approx(speed)
    assert calm.least_ratio == pytest.approx(speed)
    found = [verdict(speed, spells(seed)) for seed in range(20)]
    assert [one.verdict for one in found] == [expected] * 20
    assert all(abs(one.ratio.value / speed - 1) < 0.1 for one in found)


def test_equal_models_are_hardly_ever_called_different():
    random = np.random.default_rng(1)
    jitter = random.lognormal(0, 0.15, 100_000)
    found = [
        verdict(1.0, lambda now, seed=seed: float(jitter[(int(now * 1e4) + 7919 * seed) % 100_000]))
        for seed in range(60)
    ]
    assert sum(one.verdict != "undecided" for one in found) <= 4


def test_medians_of_separate_runs_would_have_been_wrong():
    """What interleaving is for: a load that begins half way makes the later variant look slow."""
    half_way = 40 * 0.002
    later = Machine(lambda now: 3.0 if now > half_way else 1.0)
    separate = {}
    for name, seconds in (("reference", 0.002), ("candidate", 0.0015)):
        separate[name] = measure({name: later.call(seconds)}, 40, 1e9, later.clock).seconds[name]
    assert np.median(separate["candidate"]) > np.median(separate["reference"])
    assert verdict(0.75, lambda now: 3.0 if now > half_way else 1.0).verdict == "faster"


def test_short_calls_are_repeated_and_time_ends_the_rounds():
    machine = Machine(lambda _: 1.0)
    found = measure({"a": machine.call(1e-5)}, 20, 1e9, machine.clock)
    assert found.seconds["a"] == pytest.approx(np.full(20, 1e-5))
    assert machine.work > 20 * 3e-4 * 0.9
    slow = Machine(lambda _: 1.0)
    assert len(measure({"a": slow.call(1.0)}, 500, 0.5, slow.clock).seconds["a"]) == 10


def test_rounds_of_several_layouts_count_together():
    """A layout that favours one variant is one of several, and the median does not follow it."""
    machine = Machine(lambda _: 1.0)
    layouts = [
        measure({"candidate": machine.call(0.002 * lucky), "reference": machine.call(0.002)}, 8, 1e9, machine.clock)
        for lucky in (0.9, 1.0, 1.0, 1.0, 1.1)
    ]
    joined = Rounds.joined(layouts)
    assert len(joined.seconds["candidate"]) == len(joined.seconds["reference"]) == 40
    assert compare(joined, "candidate", "reference", 1, 1, 0.95, 0).ratio.value == pytest.approx(1.0)
    short = measure({"a": machine.call(1.0)}, 500, 0.5, machine.clock, fewest=2)
    assert len(short.seconds["a"]) == 2


def test_on_a_busy_machine_more_work_is_slower():
    from ratchet_runners.model.scoring import serialise, session_of

    random = np.random.default_rng(0)
    rows = random.normal(size=(32, 256)).astype(np.float32)
    sessions = {
        name: session_of(serialise(linear(random.normal(size=(256, width)))), 1)
        for name, width in (("candidate", 256), ("reference", 1024))
    }
    busy = [
        subprocess.Popen([sys.executable, "-c", "import time\nend = time.time() + 20\nwhile time.time() < end: pass"])
        for _ in range(2)
    ]
    try:
        calls = {name: partial(session.run, ["output"], {"input": rows}) for name, session in sessions.items()}
        found = compare(measure(calls, 40, 4.0), "candidate", "reference", 32, 1, 0.95, 0)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert found.verdict == "faster"
    assert found.ratio.value < 0.6


def test_a_fresh_process_tells_what_loading_takes():
    small = starting_of(network(), images(1, 0)[0], CONTRACT_OF_BARS, 1)
    assert small.load_ms > 0
    assert small.first_ms > 0
    wide = linear(np.ones((2048, 4096), np.float32))  # 32 MiB of weights
    contract = CONTRACT_OF_BARS.model_copy(
        update={"output": CONTRACT_OF_BARS.output.model_copy(update={"name": "output"})}
    )
    large = starting_of(wide, np.zeros((1, 2048), np.float32), contract, 1)
    assert large.peak_bytes - small.peak_bytes > 30 << 20
    with pytest.raises(ChildFailed, match="ended with 1"):
        starting_of(wide, np.zeros((1, 7), np.float32), contract, 1)


def test_what_integers_were_given_up_is_named():
    from onnx import helper

    def qdq(name, of):
        pair = [
            helper.make_node("QuantizeLinear", [of, "s", "z"], [f"{name}_q"], name=f"{name}_quantize"),
            helper.make_node("DequantizeLinear", [f"{name}_q", "s", "z"], [f"{name}_d"], name=f"{name}_dequantize"),
        ]
        return pair, f"{name}_d"

    first, one = qdq("first", "input")
    middle, two = qdq("middle", "soft")
    last, three = qdq("last", "pooled")
    nodes = [
        *first,
        helper.make_node("Elu", [one], ["soft"], name="elu"),  # has no integer kernel
        *middle,
        helper.make_node("AveragePool", [two], ["pooled"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        *last,
        helper.make_node("Flatten", [three], ["flat"], name="flatten"),
        helper.make_node("MatMul", ["flat", "head"], ["logits"], name="head"),
    ]
    weights = {"s": np.float32(0.05), "z": np.uint8(128), "head": np.ones((16, 4), np.float32)}
    model = build(nodes, weights)
    assert [(fallback.node, fallback.operator) for fallback in fallbacks_of(model)] == [("elu", "Elu")]
    assert fallbacks_of(network()) == ()


def test_shares_of_time_sum_to_one_and_a_broken_model_is_refused():
    shares = time_shares(network(), images(4, 0)[0], CONTRACT_OF_BARS, 1)
    assert sum(shares.values()) == pytest.approx(1)
    assert {"Conv", "Gemm"} & set(shares) or {"Conv", "FusedConv"} & set(shares)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    broken = network()
    broken.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(ModelUnusable, match="does not load"):
        time_shares(broken, images(4, 0)[0], CONTRACT_OF_BARS, 1)
