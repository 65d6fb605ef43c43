"""All families, all recipes, all peers; then the pages. Started by main.mjs."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="npm run bench:compression --")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--family", action="append", choices=("cnn", "encoder", "gru", "small"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--sources", type=json.loads, required=True)
    parser.add_argument("--peers", default="")
    parser.add_argument("--results", type=Path, required=True)
    options = parser.parse_args()
    options.job_seconds = 120 if options.quick else 300
    return options


class Clock:
    """What the bench has worked since it began anew; a sitting that finds everything done takes seconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sittings = [*json.loads(path.read_text())] if path.exists() else []
        self._began = time.monotonic()

    def note(self) -> list[float]:
        """Seconds of each sitting, this one last."""
        sittings = [*self._sittings, time.monotonic() - self._began]
        self._path.write_text(json.dumps(sittings))
        return sittings


def main() -> int:
    options = parse()
    options.folder.mkdir(parents=True, exist_ok=True)
    # Before anything that counts processors is imported.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(options.threads)
    from deep import deep
    from families import FAMILIES, make_family
    from incremental import incremental
    from jobs import run_recipe
    from judging import judge, over_seeds
    from page import Found, write_pages
    from peers_run import run_peers
    from recipes import recipes_for, repeats_of

    clock = Clock(options.folder / "spent.json")
    sources = {name: Path(path) for name, path in options.sources.items()}
    found = {}
    for name in options.family or FAMILIES:
        print(f"--- {name}", flush=True)
        family = make_family(name, sources, options.folder / "families", options.threads, options.quick)
        jobs, recipes = options.folder / "jobs", recipes_for(name, options.quick)
        results = [run_recipe(family, jobs, recipe, steps, options) for recipe, steps in recipes.items()]
        again = [
            (recipe, seed, run_recipe(family, jobs, recipe, recipes[recipe], options, seed))
            for recipe, seed in repeats_of(name, options.quick)
        ]
        results += run_peers(family, options.folder / "peers", options)
        judged = judge(family, results, options)
        found[name] = Found(results, judged, over_seeds(family, results, again, options))
        clock.note()
    drift = incremental(options.folder, options) if "small" in found and not options.quick else None
    more = deep(options.folder, options) if "small" in found else []
    write_pages(found, drift, more, options, clock.note())
    return 0


if __name__ == "__main__":
    sys.exit(main())
