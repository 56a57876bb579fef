"""The docs are true: every example is executed, every reference page is held to the code.

A page is read as a story in one empty folder, its fenced blocks from top to bottom:

    ```python file=experiments/first.py     the file is written (so with toml, text …)
    ```console                              `$ command`, then what it must print
    ```console exit=4                       … and with which exit code it must end
    ```console not-drawn                    … without pictures, which nobody looks at
    ```pycon                                a doctest
    ```python                               a script that must run

In expected output `...` stands for any text of a line, and alone in a line for any lines; ids,
times, durations and the widths of columns may be any. A block inside an HTML comment is executed
too and not shown: that is where a page sets its scene. Fences of any other language are pictures,
and so is a block marked `not-run`, which must say why.
"""

from __future__ import annotations

import glob
import inspect
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from made_runs import make_run
from warm_start import PLUGIN, run_warm

import expt
from expt.cli.parser import VERBS
from expt.ground import hookspecs

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
EXAMPLE = ROOT / "conftest_example"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    EXAMPLE / "README.md",
    *sorted(path for path in DOCS.rglob("*.md") if "decisions" not in path.parts),
]
FENCE = re.compile(r"^```(?P<info>\w[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@attrs.frozen
class Block:
    language: str
    options: dict[str, str]
    body: str
    line: int


def read_blocks(text: str) -> list[Block]:
    blocks = []
    for match in FENCE.finditer(text):
        language, *words = match["info"].split()
        options = {name: value for name, _, value in (word.partition("=") for word in words)}
        blocks.append(
            Block(language, options, match["body"], text[: match.start()].count("\n") + 1)
        )
    return blocks


def read_console(body: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output that is expected of it."""
    commands: list[tuple[str, str]] = []
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        while command.endswith("\\"):
            more, _, expected = expected.partition("\n")
            command = command[:-1] + more.removeprefix("> ")
        commands.append((command, expected))
    return commands


VARYING = [
    (r"\b\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\w+", "ARCHIVE"),
    (r"\b\d{4}-\d\d-\d\d[ T][\d:.]+(\+00:00)?", "TIME"),
    (r"\b[a-z2-7]{10}\b|^[a-z2-7]{4}(?=  )", "ID"),
    (r"\b\d+(\.\d+)?(ms|s|m|h)\b( ago)?|\bnow\b", "DURATION"),
    (r"(?<=\S) +", " "),
]
"""What differs from run to run, and what stands for it on both sides of a comparison."""


DOCTEST = """
import doctest, sys
failed, _ = doctest.testfile("page.txt", module_relative=False, optionflags=doctest.ELLIPSIS)
sys.exit(failed)
"""


def without_varying(text: str) -> str:
    for pattern, word in VARYING:
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"


def output_pattern(expected: str) -> re.Pattern[str]:
    """The pattern of an expected output, `...` being anything."""
    lines = []
    for line in without_varying(expected).splitlines():
        if line.strip() == "...":
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(re.escape(line).replace(re.escape("..."), ".*?") + r"\n")
    return re.compile("".join(lines))


def environment(folder: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST", "EXPT", "COV", "GIT_"))
    }
    return {
        **kept,
        **PLUGIN,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
        "LINES": "60",
        "NO_COLOR": "1",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DEBUG_TEMPROOT": str(folder.parent),  # elsewhere it deletes what others have left
    }


def run_here(
    words: list[str], folder: Path, *, python: bool = False, **variables: str
) -> subprocess.CompletedProcess[str]:
    told = environment(folder) | variables
    return run_warm(words, folder, told, merged=True, draws=True, python=python)


QUOTED = re.compile(r"""'[^']*'|"[^"$`\\]*\"""")
OF_A_SHELL = re.compile(r"[|&;<>$`?\\]|(^|\s)~|^\w+=")
"""What a command needs a shell for, where it is not quoted."""


VARIABLE = re.compile(r"(?P<name>\w+)=(?P<value>[\w-]+) (?=expt )")
"""One variable that a command of expt is given."""


def words_of(command: str, folder: Path) -> list[str]:
    """What a shell makes of a command; nothing where it takes a shell."""
    unquoted = QUOTED.sub("", command)
    if OF_A_SHELL.search(unquoted) or ("*" in unquoted and unquoted != command):
        return []
    words = shlex.split(command, comments=True)
    if "*" not in unquoted:
        return words
    return [place for word in words for place in sorted(glob.glob(word, root_dir=folder)) or [word]]


OF_WORKERS = ("-n", "--pdb", "--executor", "--isolate", "--devices", "--collect-only")


def inline(words: list[str], *, drawn: bool) -> list[str]:
    """These words, and `-n 0` where they begin runs and say nothing of workers: half of the price.

    As they stand under `EXPT_COLD_TESTS=1`, with pictures too; what a page shows is compared.
    """
    runs = not words or words[0] not in VERBS or words[0] in ("run", "rerun")
    if not runs or any(word.startswith(OF_WORKERS) for word in words):
        return words
    more = ["-n", "0"] if drawn else ["-n", "0", "--no-render"]
    return words if os.environ.get("EXPT_COLD_TESTS") else [*words, *more]


def run_command(
    command: str, folder: Path, *, drawn: bool = True
) -> subprocess.CompletedProcess[str]:
    set_for_it = VARIABLE.match(command)
    variables = {set_for_it["name"]: set_for_it["value"]} if set_for_it else {}
    match words_of(command[set_for_it.end() :] if set_for_it else command, folder):
        case ["expt", *words]:
            return run_here(inline(words, drawn=drawn), folder, **variables)
        case ["pytest", *words] | ["python", "-m", "pytest", *words]:
            return run_here(["-m", "pytest", *words], folder, python=True)
        case ["python", script, *words] if script[0] != "-":
            return run_here([script, *words], folder, python=True)
    return subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
    )


def perform(block: Block, folder: Path, page: str) -> None:
    at = f"{page}:{block.line}"
    if block.language == "console":
        for command, expected in read_console(block.body):
            done = run_command(command, folder, drawn="not-drawn" not in block.options)
            wanted = int(block.options.get("exit", "0"))
            assert done.returncode == wanted, f"{at}: $ {command}\n{done.stdout}"
            if expected.strip():
                assert output_pattern(expected).fullmatch(without_varying(done.stdout)), (
                    f"{at}: $ {command}\n--- expected\n{expected}\n--- found\n{done.stdout}"
                )
    elif "file" in block.options:
        path = folder / block.options["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.body, encoding="utf-8")
    elif block.language == "pycon":
        (folder / "page.txt").write_text(block.body, encoding="utf-8")
        done = run_here(["-c", DOCTEST], folder, python=True)
        assert done.returncode == 0, f"{at}\n{done.stdout}"
    elif block.language == "python":
        done = run_here(["-c", block.body], folder, python=True)
        assert done.returncode == 0, f"{at}\n{done.stdout}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_of_a_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "story"
    if page.parent == EXAMPLE:
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("runs", "__pycache__"))
    else:
        folder.mkdir()
    for block in read_blocks(page.read_text(encoding="utf-8")):
        if "not-run" not in block.options:
            perform(block, folder, page.relative_to(ROOT).as_posix())


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    broken = [
        target for target in targets if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def headings(page: str, level: int) -> list[str]:
    text = FENCE.sub("", (DOCS / page).read_text(encoding="utf-8"))
    return re.findall(rf"^#{{{level}}} (.+)$", text, re.MULTILINE)


def test_each_promise_is_held_by_a_test_that_exists() -> None:
    rows = [line for line in (DOCS / "promises.md").read_text().splitlines() if line[:2] == "| "]
    rows = [row for row in rows if not row.startswith("| Promise")]
    assert len(rows) > 15
    for row in rows:
        named = re.findall(r"`(\w+\.py)::(\w+)`", row)
        assert named, row
        for file, function in named:
            folder = "tests" if file.startswith("test_") else "expt/testing"
            source = (ROOT / folder / file).read_text()
            assert f"def {function}(" in source, f"{file} has no {function}"


def test_each_hook_stands_in_the_reference_with_its_arguments_and_its_process() -> None:
    page = (DOCS / "reference/hooks.md").read_text(encoding="utf-8")
    for name, spec in inspect.getmembers(hookspecs, inspect.isfunction):
        if name.startswith("expt_"):
            arguments = ", ".join(inspect.signature(spec).parameters)
            first = (spec.__doc__ or "").partition(".")[0]
            assert f"### `{name}({arguments})`\n\n{first}.\n" in page
    documented = {re.sub(r"[`(].*", "", title[1:]) for title in headings("reference/hooks.md", 3)}
    assert documented == {name for name in vars(hookspecs) if name.startswith("expt_")}


def test_each_public_name_stands_in_the_api_reference() -> None:
    page = (DOCS / "reference/api.md").read_text(encoding="utf-8")
    missing = [name for name in expt.__all__ if f"expt.{name}" not in page]
    assert missing == []


def options_of(help_text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", help_text)) - {"-"}


def sections_of_the_command_line() -> dict[str, str]:
    """The text of each `## `expt VERB …`` section of the page, by verb."""
    page = (DOCS / "reference/command-line.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.*)\n", page, flags=re.MULTILINE)[1:]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    named = {re.match(r"`expt ([a-z]+)", title): text for title, text in sections.items()}
    return {match[1]: text for match, text in named.items() if match} | {
        "": sections["Which runs"].partition("\n### ")[0]
    }


@pytest.mark.parametrize("verb", sorted(filter(None, sections_of_the_command_line())))
def test_the_options_of_a_verb_and_of_its_page_are_the_same(verb: str, tmp_path: Path) -> None:
    help_text = run_command(f"expt {verb} --help", tmp_path).stdout
    offered = options_of(help_text)
    sections = sections_of_the_command_line()
    same_as_run = "takes the options of `expt run`" in sections[verb]
    section = sections["run" if same_as_run else verb]
    if "words that choose runs" in section:
        section += sections[""]
    rows = re.findall(r"^\| (`-[^|]*`) \|", section, re.MULTILINE)
    documented = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", " ".join(rows)))
    assert documented == offered - {"-h", "--help"}


def test_each_verb_has_a_section_of_the_command_line_page(tmp_path: Path) -> None:
    help_text = run_command("expt --help", tmp_path).stdout
    told = help_text.partition("\nverbs")[2].partition("\n\n")[0]
    verbs = set(re.findall(r"^  ([a-z]+)  ", told, re.MULTILINE))
    assert verbs == set(filter(None, sections_of_the_command_line()))


def test_the_pictures_of_screens_are_those_that_the_script_makes(tmp_path: Path) -> None:
    done = run_here([str(DOCS / "screens.py"), str(tmp_path)], ROOT, python=True)
    assert done.returncode == 0, done.stdout
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {path.name for path in (DOCS / "screens").iterdir()}
    page = (DOCS / "screens.md").read_text()
    for name in made:
        assert f"(screens/{name})" in page
        picture = (tmp_path / name).read_text()
        assert "Traceback" not in picture or name == "failure.svg"
        assert "https://cdnjs" not in picture


def test_the_page_of_benchmarks_is_made_of_archives(tmp_path: Path) -> None:
    listed = run_command("expt experiments/benchmarks --collect-only", ROOT).stdout
    functions = set(re.findall(r"::(experiment_\w+)", listed))
    script = runpy.run_path(str(DOCS / "benchmarks.py"))
    others = {"experiment_track_cost", "experiment_best_of_sixty", "experiment_a_case"}
    assert functions == {*script["ROWS"], *others}
    row = {"value": 0.25, "low": 0.2, "high": 0.5, "unit": "× pytest --help", "goal": 0.4}
    environment = {
        "packages": {"numpy": "2.4"},
        "cpu": {"model": "a", "usable": 2},
        "python": "3.11",
    }
    for number, value in enumerate((0.75, 0.25)):
        path = make_run(
            tmp_path / "runs",
            number,
            experiment="experiments/benchmarks/commands.py::experiment_start_up",
            results={"help": {**row, "value": value}},
        )
        (path / "environment.json").write_text(json.dumps(environment))
    words = [str(DOCS / "benchmarks.py"), "--runs", "runs", "--print"]
    done = run_here(words, tmp_path, python=True)
    assert done.returncode == 0, done.stdout
    assert "| help | 0.25 | 0.2 | 0.5 | × pytest --help | 0.4 |" in done.stdout
    assert "0.75" not in done.stdout
    assert "Not measured here: `experiment_collection`" in done.stdout
    assert "2 cores of a, Python 3.11; numpy 2.4." in done.stdout
    page = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    assert page.startswith(script["HEAD"])
    assert all(f"**{about}**" in page for about in script["ROWS"].values())


def test_no_program_becomes_longer_when_it_is_ported() -> None:
    """Lines that are not blank, of each original and of all files of its port."""
    page = (ROOT / "docs" / "coming-from.md").read_text(encoding="utf-8")
    sections = page.partition("## Whole programs")[2].split("\n### ")[1:]
    assert len(sections) == 5
    for section in sections:
        blocks = re.findall(r"^```(.*?)\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
        lines = {"text": 0, "file": 0}
        for head, body in blocks:
            kind = "file" if "file=" in head else head
            if kind in lines:
                told = [line for line in body.splitlines() if line.strip() and line[:2] != "# "]
                lines[kind] += len(told)
        assert 0 < lines["file"] <= lines["text"], section.splitlines()[0]
