"""What every verb parses with: a parser whose mistakes are ours, and the types of its words."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from expt.ground.errors import UsageError, did_you_mean
from expt.ground.screen import output, paragraph, styled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

N = TypeVar("N", int, float)
_VALUE_OF_DASHES: Final = re.compile(r"(-\w=?|--[\w-]+=)--")

VERBS: Final = {
    "run": "find and run experiments: what 'expt PATH' does",
    "params": "one experiment's values, origins, providers and hook points",
    "schema": "write a JSON Schema beside each params.toml, for editors",
    "new": "write a first experiment, an extended one, or a conftest.py",
    "search": "the trials of a search: the best, how it went, what mattered",
    "show": "list archived runs, show one, compare several",
    "diff": "what differs between two runs",
    "table": "a result of runs by two of their values, for a paper",
    "analyze": "write an analysis script for many runs",
    "rerun": "run archived runs again, and check what comes out",
    "view": "look at runs in a browser",
    "report": "write the page of runs into one file",
    "open": "open a picture, the folder or the page of a run",
    "render": "make the renderings of archives again",
    "tag": "add tags to runs, or take them away",
    "note": "write the note of a run",
    "requirements": "the packages of a run, as pins",
    "verify": "check archives against their hashes",
    "status": "what runs now, where, since when",
    "stop": "end a running run, and not its session",
    "cache": "the kept values of cached providers",
    "du": "the sizes of archives on the disk",
    "rm": "delete archives",
    "pack": "pack archives into one zip file",
    "unpack": "unpack archives from a zip file",
    "export": "write runs in another tool's format",
    "import": "make archives of another tool's runs",
    "completion": "print the completion script for bash, zsh or fish",
}
"""Every verb but `run` is `main(words) -> int` of `cli/NAME`."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose mistakes are `UsageError`s."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", _Formatter)
        super().__init__(allow_abbrev=False, **settings)

    def print_help(self, file: Any = None) -> None:
        """The help, in colour on a terminal."""
        screen = output()
        if not screen.colour:
            screen.write(self.format_help())
            return
        from rich.text import Text  # for a terminal alone

        text = Text("\n").join(styled(*line) for line in paragraph(self.format_help()))
        text.highlight_regex(r"(?m)^\S.*:$", "bold")
        text.highlight_regex(r"(?m)^  (?P<yellow>[-A-Z{].*?)(?=  |$)")
        text.highlight_regex(r"(?<![\w-])--?[A-Za-z][\w-]*|(?m:^  [a-z]+(?=  ))", "cyan")
        screen.draw(text)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse, which takes a value of `--` out of Python 3.11's lists of them."""
        words = sys.argv[1:] if args is None else args
        for word in filter(_VALUE_OF_DASHES.fullmatch, words):
            self.error(f"'--' is no value, as in '{word}'")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, None, f"see: {self.prog} --help")

    def reject(self, unknown: Sequence[str]) -> None:
        """Raise for the words that no option took."""
        if not unknown:
            return
        word = unknown[0].partition("=")[0]
        known = [option for action in self._actions for option in action.option_strings]
        hint = did_you_mean(word, known)
        raise UsageError(f"there is no option '{word}'", None, hint or f"see: {self.prog} --help")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Made for every argument that is added: argparse tries its texts."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=_columns() - 2)


def _columns() -> int:
    """As `shutil.get_terminal_size`, whose module is slow to import."""
    typed = os.environ.get("COLUMNS", "")
    if typed.isdecimal() and int(typed[:9]):
        return int(typed[:9])
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


Section = argparse._ArgumentGroup


def option(parser: Parser | Section, spelled: str, told: str | None, **settings: Any) -> None:
    """Add an option as a help spells it: `--tag TAG` takes a value, `-x --exitfirst` none."""
    *words, last = spelled.split()
    if not last.startswith("-"):
        settings["metavar"] = last
    else:
        words.append(last)
        settings.setdefault("action", "store_true")
    parser.add_argument(*words, help=told, **settings)


def repeated(parser: Parser | Section, spelled: str, told: str | None, **settings: Any) -> None:
    """Add an option that may be given several times, with a value each."""
    option(parser, spelled, told, action="append", default=[], **settings)


def add_root(parser: Parser, told: str = "the archive root") -> None:
    """Add `--runs`: the folder that holds the archives."""
    option(parser, "--runs DIR", told, type=Path)


def add_file(parser: Parser, name: str) -> None:
    """Add `-o`: the file that a verb writes, such as `name`."""
    told = "the file to write"
    option(parser, f"-o {name}", told, dest="file", type=file_to_write, required=True)


def file_to_write(text: str) -> Path:
    """The type of an argument that names a file; a folder is told by who writes."""
    if not Path(text).name:
        raise argparse.ArgumentTypeError(f"a file, not {text!r}")
    return Path(text)


def place(text: str) -> str:
    """The type of an argument that names a place: an empty one is no working directory."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"a place, not {text!r}")
    return text


def positive(text: str) -> int:
    """The type of a number from 1."""
    value = count(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"a number from 1, not {text!r}")
    return value


def number(
    convert: Callable[[str], N], is_right: Callable[[N], bool], what: str
) -> Callable[[str], N]:
    """The type of a number of which more is asked; `what` says of what kind it is."""

    def read(text: str) -> N:
        with contextlib.suppress(ValueError):
            value = convert(text)
            if is_right(value):
                return value
        raise argparse.ArgumentTypeError(f"{what}, not {text!r}")

    return read


count: Final = number(int, lambda value: value >= 0, "a whole number")
seconds: Final = number(float, lambda value: 0 < value < float("inf"), "a number of seconds")
