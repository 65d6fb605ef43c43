"""The command line. Light until a command needs more."""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ratchet_runners import __version__
from ratchet_runners.export.document import TARGETS
from ratchet_runners.faults import LimitExceeded, MissingExtra, RunnerFault
from ratchet_runners.plan.causes import CAUSES

HARDWARE = ("x86-avx512-vnni", "x86-avx512", "x86-avx2-vnni", "x86-avx2", "arm64", "tensorrt")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code (README, "Exit codes")."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except RunnerFault as fault:
        print(fault.text(), file=sys.stderr)
        return fault.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ratchet_runners", description="Compresses served ONNX models.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run a job document: report.json, ONNX files and progress.jsonl come out")
    run.add_argument("job", type=Path, metavar="JOB.json")
    run.add_argument("--output", type=Path, required=True, metavar="DIR", help="made where it does not exist")
    run.set_defaults(command=_run)
    remote = commands.add_parser("remote", help="run an attempt of a control plane elsewhere, over HTTP alone")
    remote.add_argument("--api", required=True, metavar="URL", help="the control plane, e.g. https://ratchet:8080")
    remote.add_argument("--attempt", required=True, metavar="NAME")
    remote.add_argument("--token-file", type=Path, required=True, metavar="FILE", help="holds the attempt's token")
    remote.add_argument("--work", type=Path, required=True, metavar="DIR", help="made where it does not exist")
    remote.add_argument(
        "--patience", type=float, default=900.0, metavar="SECONDS", help="with a control plane that is away"
    )
    remote.add_argument("--grace", type=float, default=20.0, metavar="SECONDS", help="after SIGTERM")
    remote.add_argument("--ca-file", type=Path, metavar="FILE", help="certificates to trust for https")
    remote.set_defaults(command=_remote)
    doctor = commands.add_parser("doctor", help="say what is installed and which recipes can run here")
    doctor.add_argument("--json", action="store_true")
    doctor.set_defaults(command=_doctor)
    _add_plan(commands)
    inspect = commands.add_parser("inspect", help="say what can be done with a model, and why not")
    inspect.add_argument("model", type=Path, metavar="MODEL.onnx")
    inspect.add_argument("--json", action="store_true")
    inspect.set_defaults(command=_inspect)
    export = commands.add_parser("export", help="write a model for another runtime, load it again and compare")
    export.add_argument("model", type=Path, metavar="MODEL.onnx")
    export.add_argument("--to", required=True, choices=TARGETS)
    export.add_argument("--output", type=Path, required=True, metavar="DIR", help="made where it does not exist")
    export.add_argument("--rows", type=Path, metavar="ROWS.npy", help="real rows to compare answers on")
    export.add_argument("--threads", type=int, default=1)
    export.set_defaults(command=_export)
    schema = commands.add_parser("schema", help="print a JSON schema, or write all of them")
    schema.add_argument("name", nargs="?", help="e.g. job.v1 or report.v1; without it the names are listed")
    schema.add_argument("--write", type=Path, metavar="DIR")
    schema.set_defaults(command=_schema)
    return parser


def _add_plan(commands: Any) -> None:
    plan = commands.add_parser(
        "plan",
        help="say which alternatives there are for a job or a model, what each takes and should bring, and why not",
        epilog="examples: plan job.json · plan model.onnx --rows 4000 --labelled 500 --cause size --json",
    )
    plan.add_argument("subject", type=Path, metavar="JOB.json|MODEL.onnx")
    plan.add_argument("--rows", type=int, default=1000, help="rows for training and calibration (a model alone)")
    plan.add_argument("--labelled", type=int, default=0, help="how many of them have labels")
    plan.add_argument("--replay", type=int, default=0, help="how many of them are older ones")
    plan.add_argument("--teacher", action="store_true", help="there is a teacher beside the model")
    plan.add_argument("--hardware", default="auto", choices=("auto", *HARDWARE), help="where it will serve")
    plan.add_argument("--cause", default="latency", choices=CAUSES)
    plan.add_argument("--report", type=Path, action="append", default=[], help="a past report, to learn costs from")
    plan.add_argument("--json", action="store_true")
    plan.set_defaults(command=_plan)


def _plan(options: argparse.Namespace) -> int:
    from ratchet_runners.plan.document import table_of
    from ratchet_runners.plan.make import Asked, plan_of_job, plan_of_model

    if options.subject.suffix == ".json":
        plan = plan_of_job(options.subject, options.report)
    else:
        asked = Asked(options.rows, options.labelled, options.replay, options.cause, options.hardware, options.teacher)
        plan = plan_of_model(options.subject, asked, options.report)
    print(plan.model_dump_json(by_alias=True, indent=2) if options.json else table_of(plan))
    return 0


def _run(options: argparse.Namespace) -> int:
    started = time.monotonic()
    from ratchet_runners.documents.job import read_job
    from ratchet_runners.execution.limits import Watchdog, limit_threads
    from ratchet_runners.execution.output import Output

    output = Output(options.output)
    try:
        job = read_job(options.job)
    except RunnerFault as fault:
        output.fail(fault)
        raise
    limit_threads(job.limits.threads)
    watchdog = Watchdog(job.limits, started, output.fail)
    try:
        from ratchet_runners.execution.progress import Progress
        from ratchet_runners.recipes import PLANS

        progress = Progress(output.folder / "progress.jsonl", PLANS[job.recipe], watchdog.end)
        try:
            from ratchet_runners.execution.attempt import Attempt

            attempt = Attempt(job, options.job, output, progress, started)
            watchdog.rescue_with(attempt.rescue)
            report = attempt.run()
        finally:
            progress.stop()
    except RunnerFault as fault:
        output.fail(fault)
        raise
    except MemoryError:
        watchdog.end(LimitExceeded("The job ran out of memory"))
        raise
    except Exception as error:
        output.fail(RunnerFault(f"The runner failed: {type(error).__name__}: {error}"))
        traceback.print_exc()
        return RunnerFault.exit_code
    finally:
        watchdog.stop()
    print(json.dumps({"outcome": report.outcome, "reasons": report.reasons, "figures": report.figures}))
    return 0


def _remote(options: argparse.Namespace) -> int:
    from ratchet_runners.remote.run import RemoteOptions, run_remote

    return run_remote(
        RemoteOptions(
            api=options.api,
            attempt=options.attempt,
            token_file=options.token_file,
            work=options.work,
            patience=options.patience,
            grace=options.grace,
            ca_file=options.ca_file,
        )
    )


def _doctor(options: argparse.Namespace) -> int:
    from ratchet_runners.doctor import examine

    findings = examine()
    if options.json:
        print(json.dumps(findings, indent=2))
    else:
        for name, finding in findings.items():
            print(f"{name}: {finding}")
    return 0 if findings["quantize-static"] == "available" else MissingExtra.exit_code


def _inspect(options: argparse.Namespace) -> int:
    from ratchet_runners.inspection import inspect_model, page_of

    found = inspect_model(options.model)
    print(json.dumps(found, indent=2) if options.json else page_of(found))
    return 0


def _export(options: argparse.Namespace) -> int:
    from ratchet_runners.export.adapter import ExportFailed
    from ratchet_runners.export.run import export_file

    made = export_file(options.model, options.to, options.output, options.rows, options.threads)
    print(made.model_dump_json(by_alias=True, indent=2))
    if made.verification and made.verification.faults:
        raise ExportFailed("The exported model is not what went in", made.verification.faults)
    return 0


def _schema(options: argparse.Namespace) -> int:
    from ratchet_runners.documents.schemas import schemas, text, write

    if options.write:
        for path in write(options.write):
            print(path)
        return 0
    known = schemas()
    if not options.name:
        print("\n".join(name.removesuffix(".json") for name in known))
        return 0
    name = options.name.removesuffix(".json") + ".json"
    if name not in known:
        from ratchet_runners.faults import InvalidJob

        raise InvalidJob(f"There is no schema {options.name}", [f"known: {', '.join(known)}"])
    print(text(known[name]), end="")
    return 0
