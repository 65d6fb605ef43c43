"""The recipes that are shown, by family: the steps of one alternative each, as a job document holds them."""

from __future__ import annotations

from typing import Any

Steps = list[dict[str, Any]]


def step(technique: str, **settings: Any) -> dict[str, Any]:
    return {"technique": technique, **settings}


def recipes_for(family: str, quick: bool) -> dict[str, Steps]:
    """Name → steps, in the order in which they run; a quick run takes a few that stand for the rest."""
    recipes = {"cnn": _cnn, "encoder": _encoder, "gru": _gru, "small": _small}[family]()
    if not quick:
        return recipes
    return {name: recipes[name] for name in QUICK[family]}


QUICK = {
    "cnn": ("static", "static-w4", "aware-w8", "prune-50-static", "joint-50"),
    "encoder": ("dynamic-embeddings", "weights-int4-gptq", "prune-50-dynamic"),
    "gru": ("weights-stored", "weights-int8", "prune-50"),
    "small": ("static-w4-per-tensor", "aware-w4-per-tensor"),
}


#: What is run with further seeds, because one run says little about what a few tenths of a point are worth.
REPEATED: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "cnn": (("pipeline-50", "joint-50"), (8, 9)),
    "small": (
        ("aware-w4-per-tensor", "aware-w4-compensated", "aware-w4-adaptive", "aware-w4-progressive"),
        (8, 9, 10, 11),
    ),
}


def repeats_of(family: str, quick: bool) -> list[tuple[str, int]]:
    """Names of recipes and the seeds that they are run with besides the usual one."""
    names, seeds = REPEATED.get(family, ((), ()))
    return [] if quick else [(name, seed) for name in names for seed in seeds]


#: Training is held to a minute or so a recipe: with more of it every trained row gains.
STEPS, ROUND_STEPS, FINAL_STEPS, JOINT_STEPS = 150, 60, 200, 400


def _prune(ratio: float, **settings: Any) -> dict[str, Any]:
    return step("prune-channels", ratio=ratio, **{"roundSteps": ROUND_STEPS, "finalSteps": FINAL_STEPS, **settings})


def _joint(ratio: float, steps: int = JOINT_STEPS) -> dict[str, Any]:
    return step("joint", ratio=ratio, quantize={"training": {"steps": steps}})


def _aware(bits: int, per_channel: bool = True, ends: int | str = 8, **training: Any) -> dict[str, Any]:
    return step("quantize-aware", bits=bits, perChannel=per_channel, ends=ends, training={"steps": STEPS, **training})


def _cnn() -> dict[str, Steps]:
    static = step("quantize-static")
    four = step("quantize-static", weightBits=4, perChannel=True)
    prune = _prune(0.5)
    return {
        **{
            f"static-{method}" if method != "min-max" else "static": [step("quantize-static", method=method)]
            for method in ("min-max", "ema", "percentile", "entropy", "mean-squared-error")
        },
        "static-per-channel": [step("quantize-static", perChannel=True)],
        "static-weights-only": [step("quantize-static", scope="weights")],
        "static-equalised": [step("equalise"), static],
        "static-mixed": [step("quantize-mixed")],
        "static-w4": [four],
        "static-w4-bias": [four, step("correct-bias")],
        "static-w4-adaround": [four, step("round-adaptively")],
        "half": [step("quantize-half")],
        "weights-int8": [step("quantize-weights", bits=8)],
        "weights-int4-nearest": [step("quantize-weights", algorithm="nearest")],
        "weights-int4-gptq": [step("quantize-weights", algorithm="gptq")],
        "codebook-16": [step("quantize-weights", levels="codebook")],
        "aware-w8": [_aware(8)],
        "aware-w4-direct": [_aware(4)],
        "aware-w4-progressive": [_aware(4, progressiveWidths=[8, 6])],
        "prune-weights-90": [step("prune-weights", ratio=0.9)],
        "prune-50-l1": [_prune(0.5, importance="magnitude")],
        "prune-50": [prune],
        "prune-60-long": [_prune(0.6, finalSteps=800)],
        "prune-70": [_prune(0.7)],
        "prune-70-long": [_prune(0.7, finalSteps=1000)],
        "prune-50-static": [prune, static],
        "pipeline-50": [prune, _aware(8), step("distil", epochs=2)],
        "joint-50": [_joint(0.5)],
        "pipeline-50-w4": [prune, _aware(4)],
        "prune-65-aware-w8": [_prune(0.65), _aware(8)],
        "prune-65-aware-w4": [_prune(0.65), _aware(4)],
        "distil-derived-static": [step("distil", student="derived", epochs=5), static],
        "distil-features": [prune, step("distil", epochs=2, features={})],
        "distil-attention": [prune, step("distil", epochs=2, attention={"weight": 100.0})],
        "distil-relations": [prune, step("distil", epochs=2, relations={})],
    }


def _encoder() -> dict[str, Steps]:
    tables, tables_of_four = step("quantize-embeddings"), step("quantize-embeddings", bits=4)
    dynamic = step("quantize-dynamic", embeddings=True)
    prune = _prune(0.5)
    derived = step("distil", student="derived", epochs=4)
    return {
        "static": [step("quantize-static")],
        "static-smooth": [step("smooth"), step("quantize-static")],
        "dynamic": [step("quantize-dynamic")],
        "dynamic-embeddings": [dynamic],
        "embeddings": [tables],
        "embeddings-w4": [tables_of_four],
        "half": [step("quantize-half")],
        "static-mixed": [step("quantize-mixed")],
        "weights-int8": [step("quantize-weights", bits=8)],
        "weights-int4-nearest": [step("quantize-weights", algorithm="nearest")],
        "weights-int4-gptq": [step("quantize-weights", algorithm="gptq")],
        "weights-int4-block-32": [step("quantize-weights", algorithm="nearest", block=32, shrink=False)],
        "weights-int4-embeddings": [step("quantize-weights", algorithm="gptq"), tables],
        "weights-int4-embeddings-w4": [step("quantize-weights", algorithm="gptq"), tables_of_four],
        "codebook-16": [step("quantize-weights", levels="codebook")],
        "aware-w8": [_aware(8)],
        "prune-50": [prune],
        "prune-50-l1": [_prune(0.5, importance="magnitude")],
        "prune-50-dynamic": [prune, dynamic],
        "pipeline-50": [prune, _aware(8), step("distil", epochs=2)],
        "joint-50": [_joint(0.5, JOINT_STEPS // 2)],
        "distil-derived": [derived],
        "distil-derived-dynamic": [derived, dynamic],
        "distil-derived-prune-dynamic": [derived, prune, dynamic],
        "distil-derived-prune-dynamic-w4": [derived, prune, step("quantize-dynamic"), tables_of_four],
        "distil-derived-prune-int4-w4": [
            derived,
            prune,
            step("quantize-weights", algorithm="gptq"),
            tables_of_four,
        ],
    }


def _gru() -> dict[str, Steps]:
    return {
        "static": [step("quantize-static", allowTiny=True)],
        "weights-stored": [step("quantize-static", scope="weights", rest="stored", allowTiny=True)],
        "weights-int8": [step("quantize-weights", bits=8)],
        "dynamic": [step("quantize-dynamic")],
        "half": [step("quantize-half")],
        "prune-50": [_prune(0.5)],
        "prune-50-half": [_prune(0.5), step("quantize-half")],
        "prune-70-stored": [_prune(0.7, finalSteps=800), step("quantize-dynamic")],
        "aware-w8": [_aware(8)],
        "prune-weights-90": [step("prune-weights", ratio=0.9)],
    }


def _small() -> dict[str, Steps]:
    return {
        "static": [step("quantize-static", allowTiny=True)],
        "static-per-channel": [step("quantize-static", perChannel=True, allowTiny=True)],
        "aware-w8": [_aware(8, ends="same")],
        "static-w4-per-tensor": [step("quantize-static", weightBits=4, allowTiny=True)],
        "static-w4": [step("quantize-static", weightBits=4, perChannel=True, allowTiny=True)],
        "static-w4-bias": [
            step("quantize-static", weightBits=4, perChannel=True, allowTiny=True),
            step("correct-bias"),
        ],
        "static-w4-adaround": [
            step("quantize-static", weightBits=4, perChannel=True, allowTiny=True),
            step("round-adaptively"),
        ],
        "aware-w4-per-tensor": [_aware(4, per_channel=False, ends="same")],
        "aware-w4-compensated": [_aware(4, per_channel=False, ends="same", gradientCompensation="fixed")],
        "aware-w4-adaptive": [_aware(4, per_channel=False, ends="same", gradientCompensation="adaptive")],
        "aware-w4-progressive": [_aware(4, per_channel=False, ends="same", progressiveWidths=[8, 6])],
        "aware-w4": [_aware(4, ends="same")],
    }
