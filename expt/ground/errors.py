"""The tree of errors. An `ExptError` is a user's mistake, told in three lines without a traceback.

    ExptError
     ├── UsageError           what was typed cannot be meant
     ├── ConfigurationError   pyproject.toml or expt.toml says something impossible
     ├── CollectionError      a file below the paths cannot be read as experiments
     ├── PlanningError        values, providers or modules that cannot become a plan
     │    └── ParameterError  one value that does not fit, or that nobody takes
     ├── Mistakes             several of the above, found in one go
     ├── WorkerError          the machinery between the processes broke (exit code 3)
     └── ReadingError         an archive, or a reference to one, that cannot be read
          ├── NoSuchRun       nothing answers to the reference
          ├── DamagedArchive  a file of an archive is missing, torn or tampered with
          └── NewerArchive    written by a newer expt than this one

A series or a value that cannot be stored is refused with the built-in `TypeError` or `ValueError`:
it happens inside the user's own function and belongs to its traceback.
"""

from __future__ import annotations

import contextlib
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator


class ExitCode(IntEnum):
    """What the `expt` command tells the shell."""

    OK = 0
    FAILED = 1
    INTERRUPTED = 2
    INTERNAL = 3
    USAGE = 4
    NOTHING_SELECTED = 5


class ExptError(Exception):
    """What is wrong; where (`at`); what exists or what to do (`hint`)."""

    exit_code = ExitCode.USAGE

    def __init__(self, what: str, at: str | None = None, hint: str | None = None) -> None:
        super().__init__(what, at, hint)
        self.what = what
        self.at = at
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.what]
        if self.at:
            lines.append(f"  at {self.at}")
        if self.hint:
            lines.extend(f"  {line}" for line in self.hint.splitlines())
        return "\n".join(lines)


class UsageError(ExptError):
    """What was typed cannot be meant."""


class ConfigurationError(ExptError):
    """`pyproject.toml` or `expt.toml` says something impossible."""


class CollectionError(ExptError):
    """A file below the paths cannot be read as experiments."""


class PlanningError(ExptError):
    """Values, providers or modules that cannot become a plan."""


class ParameterError(PlanningError):
    """One value that does not fit, or that nobody takes."""


class Mistakes(ExptError):
    """Several mistakes found in one go, each told in full."""

    def __init__(self, mistakes: Iterable[ExptError]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))

    def __reduce__(self) -> tuple[type[Mistakes], tuple[tuple[ExptError, ...]]]:
        return type(self), (self.mistakes,)


class WorkerError(ExptError):
    """The machinery between the processes broke."""

    exit_code = ExitCode.INTERNAL


class ReadingError(ExptError):
    """An archive, or a reference to one, that cannot be read."""


class NoSuchRun(ReadingError, LookupError):
    """Nothing answers to the reference."""


class DamagedArchive(ReadingError):
    """A file of an archive is missing, torn or tampered with."""


class NewerArchive(ReadingError):
    """Written by a newer expt than this one."""


@contextlib.contextmanager
def told_as_damage(what: str, at: str) -> Iterator[None]:
    """Whatever goes wrong with somebody's bytes inside is a `DamagedArchive` that says so."""
    try:
        yield
    except ExptError:
        raise
    except Exception as error:  # decoders raise anything: TokenError, DecompressionBombError, …
        reason = error.strerror if isinstance(error, OSError) else None
        raise DamagedArchive(f"{what}: {reason or error or type(error).__name__}", at) from error


def suggestion(word: str, choices: Collection[str], what: str, *, whole: bool = False) -> str:
    """`did you mean 'lr'?`, else `parameters: epochs, lr, seed`; both where `whole`."""
    close = did_you_mean(word, choices)
    listed = f"{what}: {', '.join(sorted(choices)) or 'none'}"
    return " ".join(filter(None, [close, listed if whole or not close else ""]))


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """`did you mean 'lr'?` for the closest of `choices`, or None where nothing is close."""
    import difflib  # slow, and only for mistakes

    close = difflib.get_close_matches(word, sorted(set(choices) - {word}), n=3, cutoff=0.6)
    return "did you mean " + " or ".join(f"'{name}'" for name in close) + "?" if close else None
