from ratchet_runners.recipes.outcome import Made
def incremental_distillation(config, reference, bench) -> Made:
    raise NotImplementedError
