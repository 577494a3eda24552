"""README and documentation as a user pastes them: every command runs, or it is said here why not."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from rectifiers.cli import main

ROOT = Path(__file__).parents[1]
README, DOCS = ROOT / "README.md", ROOT / "docs"
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="about the repository, not the wheel")
PAGES = [README, *sorted(DOCS.rglob("*.md"))] if DOCS.exists() else []

OWN = "rectifiers compare --data mydata:load --model mymodel:build --arms relu,elu --arm myact:MyActivation"

SWAP = "rectifiers compare --data mydata:load --model mynet:build --swap relu --arms relu,leaky_relu,prelu"

# What README's commands need that is not there in an empty directory, by the page that shows it.
FILES = {
    "mytrain.py": "training",
    "mydata.py": "own",
    "mymodel.py": "own",
    "myact.py": "own",
    "mynet.py": "swap",
    "results.csv": "judge",
}

# Run as they stand, in a directory with these files alone; all lines of a block in the same one.
RUN = {
    "rectifiers list",
    "rectifiers compare digits --arms relu,gelu,silu --dry-run",
    "rectifiers evidence results.csv --control relu",
}
# Run with settings that make them short: examples with the user's own files, and a whole study.
TRAIN = "rectifiers compare --train mytrain:train --metric accuracy --arms relu,gelu,tanh"
SHORTENED = {
    TRAIN: "--seeds 2 --jobs 1",
    OWN: "--epochs 1 --max-seeds 2 --lr 0.1",
    SWAP: "--epochs 1 --max-seeds 2 --lr 0.1 --jobs 1",
    "rectifiers compare digits --arms relu,elu --out study": "--epochs 2 --max-seeds 3 --jobs 1",
}
# Not run, and why.
NOT_RUN = {
    "rectifiers compare --command 'python train.py --act {arm} --seed {seed}' "
    "--metric 'test acc: ([0-9.]+)' --arms ReLU,Tanh": "the script is the reader's",
    "source .venv/bin/activate": "this test runs in an environment already",
    "pip install .": "downloads PyTorch",
    'rectifiers compare mnist --arms "relu,leaky_relu(1/5.5),prelu,rrelu,elu" --norm none,batch --epochs 3': (
        "downloads MNIST"
    ),
}

PRELUDE = """
import doctest, functools
import torch
import rectifiers
from rectifiers import nn

rectifiers.compare = functools.partial(
    rectifiers.compare, epochs=1, max_seeds=2, learning_rate=0.1, progress=False
)
x, model = torch.randn(64, 128, 16, 16), torch.nn.Sequential(nn.LeakyReLU())

def check(text):
    test = doctest.DocTestParser().get_doctest(text, {}, "README.md", "README.md", 0)
    assert doctest.DocTestRunner().run(test).failed == 0
"""


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page that are in a language, without what is nested in lists."""
    return re.findall(rf"^```{language}[^\n]*\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)


def commands(block: str) -> list[str]:
    """Return the commands of a block, each on a line of its own."""
    return [line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def unpastable(command: str) -> list[str]:
    """Return what bash or an interactive zsh would not take as it stands."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", command)
    quoted = "".join(re.findall(r"\"([^\"]*)\"", re.sub(r"'[^']*'", "", command)))
    return re.findall(r"[][(){}*?#!^'\"]|(?<!\S)[~=]", bare) + re.findall(r"[!$`\\]", quoted)


def titled(page: Path, name: str) -> str:
    """Return the block of a page that shows a file."""
    text = page.read_text(encoding="utf-8")
    (found,) = re.findall(rf'^```\w+ title="{name}"\n(.*?)^```', text, re.S | re.M)
    return str(found)


SHELL = [(page, block) for page in PAGES for block in blocks(page, "bash")]
EXAMPLES = [(page, block) for page in PAGES for block in blocks(page, "python") if ">>>" not in block]
README_COMMANDS = [line for page, block in SHELL if page == README for line in commands(block)]
TRIED = [
    runnable
    for page, block in SHELL
    if page == README
    if (runnable := [line for line in commands(block) if line in RUN | SHORTENED.keys()])
]


def test_every_command_of_the_readme_is_accounted_for() -> None:
    others = {line for line in README_COMMANDS if not line.startswith("make ")}
    assert others == RUN | SHORTENED.keys() | NOT_RUN.keys()


def test_what_is_made_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    made = [line.split() for line in README_COMMANDS if line.startswith("make ")]
    assert made
    for _, target, *variables in made:
        assert target in targets
        assert not variables or "=" in variables[0]


def arguments(line: str) -> list[str]:
    """Return the words that bash makes of a command of ours."""
    script = f'rectifiers() {{ printf "%s\\0" "$@"; }}\n{line}'
    found = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    return found.stdout.split("\0")[:-1]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with the reader's files, of which no module stays behind."""
    for name, page in FILES.items():
        (tmp_path / name).write_text(titled(DOCS / "guide" / f"{page}.md", name))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield tmp_path
    for name in FILES:
        sys.modules.pop(Path(name).stem, None)


@pytest.mark.parametrize("lines", TRIED, ids=lambda lines: lines[0].replace("rectifiers ", ""))
def test_the_commands_of_the_readme_run(
    lines: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in lines:
        code = main(arguments(f"{line} {SHORTENED.get(line, '')}"))
        out, err = capsys.readouterr()
        assert code == 0, f"{line}\n{err}"
        assert out.strip()
    compared = any(" compare " in line and "--dry-run" not in line for line in lines)
    assert bool(list(place.rglob("report.html"))) == compared


def test_the_command_is_installed_beside_the_interpreter() -> None:
    command = [Path(sysconfig.get_path("scripts")) / "rectifiers", "--version"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.startswith("rectifiers ")


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    code = [PRELUDE]
    for block in blocks(README, "python"):
        code.append(f"check({block!r})" if ">>>" in block else block)
    assert len(code) > 3
    (tmp_path / "script.py").write_text("\n".join(code))
    found = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("page, block", SHELL, ids=[f"{page.name}-{i}" for i, (page, _) in enumerate(SHELL)])
def test_commands_can_be_pasted(page: Path, block: str) -> None:
    assert {line: unpastable(line) for line in commands(block) if unpastable(line)} == {}
    for shell in filter(None, map(shutil.which, ("bash", "zsh"))):
        found = subprocess.run([shell, "-n"], input=block, capture_output=True, text=True)
        assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(
    "command",
    [
        "rectifiers compare --arms relu,leaky_relu(0.01)",  # a syntax error in bash
        "make compare   # prints the verdict",  # three more targets: an interactive zsh knows no comments
        "pip install .[test]",  # a glob without a match in zsh
        "rectifiers show relu*",
        "rectifiers evidence =results.csv",
        "rectifiers compare --data mydata:load --arm what's:Mine",
        'echo "$HOME!"',
    ],
)
def test_what_cannot_be_pasted_is_found(command: str) -> None:
    assert unpastable(command)


@pytest.mark.parametrize("page, block", EXAMPLES, ids=[f"{p.name}-{i}" for i, (p, _) in enumerate(EXAMPLES)])
def test_examples_in_python_compile(page: Path, block: str) -> None:
    compile(block, str(page), "exec")


def test_the_recommendation_is_the_same_everywhere() -> None:
    said = {page: blocks(page, "text")[0] for page in (README, DOCS / "index.md")}
    assert re.match(r"(Use|Keep) \S+: .*\.\n$", said[README])
    assert said[README] == said[DOCS / "index.md"]


def test_the_picture_of_the_report_is_there_and_small() -> None:
    path, *_ = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README.read_text())
    content = (ROOT / path).read_bytes()
    assert len(content) < 200_000
    assert struct.unpack(">I", content[16:20]) == (1280,)
