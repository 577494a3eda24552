"""Command line of the benchmark of activations."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from benchmarks.activations import page, plots, results, worker
from benchmarks.activations.machine import ROOT, describe, fingerprint
from benchmarks.activations.results import Outcome
from benchmarks.activations.settings import Group, Settings, can_compile, groups
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


def main() -> int:
    """Measure, write RESULTS.md and its plots; 1 if a group is missing that was to be measured."""
    arguments = _parser().parse_args()
    settings = _settings(arguments)
    default = ROOT / "benchmarks"
    if settings.quick:
        default = default / ".cache" / "quick"  # not where real results lie
    out = (arguments.out or default).resolve()
    cache = out / ".cache"
    every = groups(settings.device, settings.quick)
    names = [group.name for group in every]
    unknown = sorted(set(arguments.only) - set(names))
    if unknown:
        print(f"--only: no group {', '.join(unknown)}; there are {', '.join(names)}", file=sys.stderr)
        return 2
    if arguments.worker:
        worker.run([group for group in every if group.name in arguments.only], settings, cache)
        return 0
    mark = fingerprint(settings)
    known = {group.name: results.load(results.place(cache, settings.device, group), mark) for group in every}
    done = {name for name, found in known.items() if arguments.resume and found and not found.failure}
    wanted = [g for g in every if (not arguments.only or g.name in arguments.only) and g.name not in done]
    _measure(wanted, settings, out, cache, mark)
    loaded = (results.load(results.place(cache, settings.device, group), mark) for group in every)
    found = {outcome.group: outcome for outcome in loaded if outcome}
    stale = [group.name for group in wanted if group.name not in found]
    if stale:
        print(f"left out, the code changed while it was measured: {', '.join(stale)}", file=sys.stderr)
    end = "" if settings.device == "cpu" else f"-{settings.device}"
    drawn = plots.write(found, out / "plots", end)
    text = page.render(every, found, settings, describe(settings), _command(sys.argv[1:]), drawn)
    target = out / f"RESULTS{end.upper()}.md"
    target.write_text(text, encoding="utf-8")
    failed = [name for name, outcome in found.items() if outcome.failure]
    Console().print(f"wrote {target}" + (f"; failed: {', '.join(failed)}" if failed else ""), soft_wrap=True)
    return 1 if failed or stale else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.activations", description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes: does it run? The figures mean nothing"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="GROUP", help="measure this group alone"
    )
    parser.add_argument("--resume", action="store_true", help="keep what the same code has measured already")
    parser.add_argument("--out", type=Path, help="directory of RESULTS.md, plots/ and .cache/ (benchmarks/)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--backend", choices=("auto", "llvm", "torch", "triton"), default="auto")
    parser.add_argument(
        "--compiled", action=argparse.BooleanOptionalAction, help="measure torch.compile, too"
    )
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser


def _settings(arguments: argparse.Namespace) -> Settings:
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("--device cuda: torch finds no GPU here")
    compiled = arguments.compiled
    if compiled is None:
        compiled = not arguments.quick and can_compile(arguments.device)
    return Settings(arguments.device, arguments.quick, arguments.threads, arguments.backend, compiled)


def _command(words: Sequence[str]) -> str:
    """Return the command line without the directory it wrote to."""
    kept, skip = [], False
    for word in words:
        if not (skip or word.startswith("--out")):
            kept.append(word)
        skip = word == "--out"
    return " ".join(["python -m benchmarks.activations", *kept])


def _measure(wanted: Sequence[Group], settings: Settings, out: Path, cache: Path, mark: str) -> None:
    """Measure every group in a process of its own; a failure is an outcome, too.

    Quick ones share one, and so do those on a GPU, where nothing of one group lingers in the next.
    """
    columns = (TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    together = settings.quick or settings.device != "cpu"
    batches = [list(wanted)] if together and wanted else [[group] for group in wanted]
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=sum(map(worker.steps, wanted)))
        for batch in batches:
            for group in batch:
                results.place(cache, settings.device, group).unlink(missing_ok=True)
            name = batch[0].name if len(batch) == 1 else "all"

            def step(title: str, name: str = name) -> None:
                progress.update(bar, advance=1, description=f"{name}: {title}")

            progress.update(bar, description=f"{name}: starting")
            failure = _work(batch, settings, out, step)
            for group in batch if failure else ():
                path = results.place(cache, settings.device, group)
                if not path.is_file():
                    results.save(Outcome(group.name, mark, results.now(), failure=failure), path)
                    progress.console.print(f"{group.name} failed: {failure}")


def _work(batch: Sequence[Group], settings: Settings, out: Path, step: Callable[[str], None]) -> str:
    """Run the worker for some groups; return why it failed, or an empty text."""
    words = [sys.executable, "-m", "benchmarks.activations", "--worker", "--out", str(out)]
    words += [word for group in batch for word in ("--only", group.name)]
    words += ["--device", settings.device, "--threads", str(settings.threads), "--backend", settings.backend]
    words += [
        "--compiled" if settings.compiled else "--no-compiled",
        *(["--quick"] if settings.quick else []),
    ]
    threads = {"OMP_NUM_THREADS": str(settings.threads)}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        with subprocess.Popen(
            words, cwd=ROOT, env=os.environ | threads, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(worker.MARK):
                    step(line.removeprefix(worker.MARK).strip())
        if process.returncode == 0:
            return ""
        errors.seek(0)
        lines = [line.strip() for line in errors if line.strip()]
        return lines[-1] if lines else f"the process ended with {process.returncode}"


if __name__ == "__main__":
    sys.exit(main())
