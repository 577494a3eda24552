"""Everything that needs a GPU, in at most eight minutes: tests, both directions, small tensors, thresholds.

    make gpu-check        # or: python -m benchmarks.gpu_check

It runs tests/cuda and the Triton kernels' own tests, measures forward and backward alone and small tensors
(`python -m benchmarks.activations --device cuda`), finds from which size kernels are worthwhile, and writes
benchmarks/RESULTS-CUDA.md with commit, device, versions and date. Exit codes: 0 if all went well, 1 if a step
failed or the time was up, 2 if there is no GPU.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from benchmarks.activations.cases import CASES, Case, by_name
from benchmarks.activations.machine import ROOT, describe
from benchmarks.activations.settings import Group, Settings
from benchmarks.activations.timing import Step, inputs_for
from torch.utils.benchmark import Timer

from rectifiers.activations import registry
from rectifiers.backends import using
from rectifiers.backends._thresholds import NEVER, least

__all__ = ["Check", "main", "ratios", "section", "worthwhile_from"]

SECONDS = 480
FOR_THRESHOLDS = 60  # of these, left for the last step
RESULTS = ROOT / "benchmarks" / "RESULTS-CUDA.md"
GROUPS = ("directions", "directions-bfloat16", "small")
SIZES = tuple(1 << exponent for exponent in range(20, 31))
TESTS = ("tests/cuda", "tests/backends/test_triton.py")


@dataclass(frozen=True)
class Check:
    """One step: what it was, whether it went well, and its last words."""

    name: str
    passed: bool
    said: str
    seconds: float


def main() -> int:
    """Run all steps and write the page."""
    if not torch.cuda.is_available():
        print(
            "gpu-check: torch finds no GPU here, nothing was run; run it where there is one", file=sys.stderr
        )
        return 2
    end = time.monotonic() + SECONDS
    checks = [_run("tests", [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *TESTS], end)]
    for group in GROUPS:
        words = ["-m", "benchmarks.activations", "--device", "cuda", "--no-compiled", "--only", group]
        checks.append(_run(group, [sys.executable, *words], end))
    started = time.monotonic()
    found = ratios("cuda", "triton", SIZES, end)
    checks.append(Check("thresholds", bool(found), f"{len(found)} activations", time.monotonic() - started))
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.is_file() else ""
    text = text.partition("\n## GPU check\n")[0].rstrip() + "\n"
    RESULTS.write_text(text + section(checks, found), encoding="utf-8")
    for check in checks:
        print(f"{'passed' if check.passed else 'FAILED'}  {check.name}  {check.seconds:.0f} s  {check.said}")
    print(f"wrote {RESULTS}")
    return 0 if all(check.passed for check in checks) else 1


def _run(name: str, command: Sequence[str], end: float) -> Check:
    """Run a step in a process of its own, for as long as there is time."""
    started = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=max(1.0, end - FOR_THRESHOLDS - started),
        )
    except subprocess.TimeoutExpired:
        return Check(name, False, "the time was up", time.monotonic() - started)
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    said = lines[-1] if lines else f"exit code {done.returncode}"
    return Check(name, done.returncode == 0, said, time.monotonic() - started)


def ratios(device: str, backend: str, sizes: Sequence[int], end: float) -> dict[str, dict[int, float]]:
    """Return the kernels' time over that of torch's own, by activation and bytes of the float32 input.

    Forward and backward through autograd. Sizes that do not fit, or come too late, are left out.
    """
    names = [case.name for case in CASES if least(registry[case.name], on_gpu=True) != NEVER]
    found: dict[str, dict[int, float]] = {name: {} for name in names}
    for size in sizes:
        for name in names:
            if time.monotonic() < end:
                try:
                    found[name][size] = _ratio(by_name(name), device, backend, size)
                except torch.OutOfMemoryError:
                    torch.cuda.empty_cache()
    return found


def _ratio(case: Case, device: str, backend: str, size: int) -> float:
    group = Group("thresholds", "thresholds", "time", ())
    inputs = inputs_for(case, (max(1, size // 4 // 256), 256), group, device)
    times = {}
    for name, function in ((backend, case.ours), ("torch", case.own)):
        with using(name):
            step = Step(function, inputs)
            for _ in range(2):
                step()  # compile, fill caches
            timer = Timer("step()", globals={"step": partial(step)}, num_threads=torch.get_num_threads())
            times[name] = timer.blocked_autorange(min_run_time=0.02).median
    return times[backend] / times["torch"]


def worthwhile_from(of: Mapping[int, float]) -> int | None:
    """Return the size from which on the ratio is at most 1, or None."""
    found = None
    for size in sorted(of, reverse=True):
        if of[size] > 1:
            break
        found = size
    return found


def section(checks: Sequence[Check], found: Mapping[str, Mapping[int, float]]) -> str:
    """Return the part of the page that tells what was checked, on what, and the thresholds."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    settings = Settings(device=device, threads=torch.get_num_threads())
    facts = [f"- {key}: {value}" for key, value in describe(settings).items()]
    facts.append(f"- checked: {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}")
    said = {True: "passed", False: "**failed**"}
    rows = [f"| {c.name} | {said[c.passed]} | {c.seconds:.0f} s | {c.said} |" for c in checks]
    sizes = sorted({size for of in found.values() for size in of})
    head = "| activation | set | found | " + " | ".join(map(_bytes, sizes)) + " |"
    table = [head, "| --- " * (3 + len(sizes)) + "|"]
    for name, of in found.items():
        ratio = " | ".join(f"{of[size]:.2f}" if size in of else "–" for size in sizes)
        set_at, from_on = _bytes(least(registry[name], on_gpu=True)), worthwhile_from(of)
        table.append(f"| {name} | {set_at} | {_bytes(from_on) if from_on else 'never'} | {ratio} |")
    return "\n".join(
        [
            "\n## GPU check\n",
            "Written by `make gpu-check`.\n",
            *facts,
            "\n| step | outcome | time | said |\n| --- | --- | --- | --- |",
            *rows,
            "\nTime of the kernels over that of torch's own, forward and backward through autograd, by bytes",
            "of the float32 input; from which size kernels run unrequested, and took no longer.\n",
            *table,
            "",
        ]
    )


def _bytes(size: int) -> str:
    return f"2^{size.bit_length() - 1}"


if __name__ == "__main__":
    sys.exit(main())
