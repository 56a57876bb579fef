"""The command: words to `Options`, a verb to its function, an error to text and exit code.

expt [run] PATH…      sessions        expt VERB …    cli/VERB
expt --plan           sessions        of a plugin    what `expt_add_verbs` gave
expt --collect-only   discovery
"""

from __future__ import annotations

import contextlib
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from expt.cli.parser import VERBS
from expt.ground.errors import ExitCode, ExptError, Mistakes, UsageError
from expt.ground.screen import Screen, output, paragraph
from expt.ground.text import visible

_LONGEST_NAME = 200  # of a file that a message names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from expt.ground.model import Plan
    from expt.ground.options import Options
    from expt.plugins.manager import Plugins


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    code = _run(words)
    _flush_output()
    return code


def _run(words: Sequence[str] | None) -> int:
    """The only place where an `ExptError` becomes text."""
    typed = list(sys.argv[1:] if words is None else words)
    if "_ARGCOMPLETE" in os.environ:
        import_module("expt.cli.completion").complete()
    try:
        _reject_deleted_directory()
        _reject_nul(typed)
        return _dispatch(typed)
    except ExptError as error:
        _tell(error)
        return int(error.exit_code)
    except BrokenPipeError:  # the reader of our pipe has seen enough
        return int(ExitCode.OK)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except (OSError, RecursionError, MemoryError) as error:  # of the machine, or of what was typed
        _tell(_refusal(error))
        return int(ExitCode.USAGE)
    except Exception:
        import traceback  # slow, and not meant to be needed

        screen = Screen(sys.stderr)
        screen.lines(paragraph(traceback.format_exc()))
        screen.line("internal error: this is a bug of expt")
        return int(ExitCode.INTERNAL)


def _refusal(error: BaseException) -> ExptError:
    """What the operating system or the interpreter refused, as a mistake that names the file."""
    if not isinstance(error, OSError):
        what = "it is nested too deep" if isinstance(error, RecursionError) else "no memory is left"
        return UsageError(f"{what} for expt to work on it")
    name = "" if error.filename is None else os.fsdecode(error.filename)
    name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    return UsageError(error.strerror or str(error) or type(error).__name__, name or None)


def _reject_deleted_directory() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the working directory is gone", hint="'cd' to one that exists") from error


def _reject_nul(typed: Sequence[str]) -> None:
    """No shell types one; whoever calls `main` may, and no file and no name can have it."""
    for word in typed:
        if "\0" in word:
            raise UsageError("a word of a command line has no NUL character", word)


def _dispatch(typed: list[str]) -> int:
    verb = typed[0] if typed else ""
    if verb in VERBS and verb != "run":
        command: Callable[[list[str]], int] = import_module(f"expt.cli.{verb}").main
        return command(typed[1:])
    from expt.cli.command_line import find_verb, read_options  # with plugins

    words = typed[1:] if verb == "run" else typed
    added = find_verb(typed, Path.cwd())
    if added is not None:
        return added(typed[1:])
    options, plugins, parsed = read_options(words, verb="run" if verb == "run" else None)
    if parsed.version:
        print_line(f"expt {import_module('expt.ground.version').__version__}")
        return int(ExitCode.OK)
    if parsed.collect_only:
        return list_experiments(options, plugins)
    if parsed.plan:
        return show_plan(options, plugins, as_json=parsed.json)
    return run(options, plugins)


def run(options: Options, plugins: Plugins) -> int:
    """The main job, with the built-in plugins on the parent's hooks."""
    from expt.ground.launchers import archived_by_rank  # not needed to show or to help

    options = archived_by_rank(options)
    from expt.sessions.serving import start_first_worker

    starter = start_first_worker(options)  # it imports beside this process
    from expt.plugins.builtin import parent_plugins

    for name, plugin in parent_plugins(options, sys.stdout).items():
        plugins.register(plugin, name)
    with telling_failures(plugins):
        from expt.sessions.session import run_session

        result = run_session(options, plugins, starter)
        _tell_errors(result.plan.errors if result.plan else ())
        return int(result.exit_code)


@contextlib.contextmanager
def telling_failures(plugins: Plugins) -> Iterator[None]:
    """What went wrong in plugins inside is told at the end, however it comes."""
    try:
        yield
    finally:
        for failure in plugins.failures:
            Screen(sys.stderr).line(("warning: ", "yellow"), failure)


def list_experiments(options: Options, plugins: Plugins) -> int:
    """`--collect-only`: node ids from the sources alone."""
    from expt.sessions.selecting import collect  # not needed to show or to help

    collected = collect(options, plugins)
    ids = collected.selected.case_ids
    if ids:
        output().write("".join([f"{visible(node_id)}\n" for node_id in ids]))
    if options.telling.verbosity >= 0:
        print_line("")
        print_line(f"{len(ids)} collected" if ids else "nothing collected")
    _tell_errors(collected.errors)
    if collected.errors:
        return int(ExitCode.FAILED if ids else ExitCode.USAGE)
    return int(ExitCode.OK if ids else ExitCode.NOTHING_SELECTED)


def show_plan(options: Options, plugins: Plugins, *, as_json: bool) -> int:
    """`--plan`: the cases, their values and origins; nothing runs."""
    from expt.sessions.session import judge, plan_session
    from expt.terminal.plan_table import plan_to_json, print_plan

    plan: Plan = plan_session(options, plugins)
    if as_json:
        print_line(plan_to_json(plan))
    else:
        print_plan(plan, output(), verbose=options.telling.verbosity > 0)
    _tell_errors(plan.errors)
    return int(judge(plan, (), interrupted=False))


def print_line(text: str) -> None:
    """One line on stdout, whatever characters it has; in no colour, for programs to read."""
    output().write(f"{visible(text)}\n")


def _tell_errors(errors: Sequence[str]) -> None:
    """What went wrong and did not stop the rest."""
    for error in errors:
        Screen(sys.stderr).lines(paragraph(error, ("error: ", "bold red")))


def _tell(error: ExptError) -> None:
    screen = Screen(sys.stderr)
    mistakes: Sequence[ExptError] = error.mistakes if isinstance(error, Mistakes) else (error,)
    for mistake in mistakes:
        screen.lines(paragraph(str(mistake), ("error: ", "bold red")))


def _flush_output() -> None:
    """Write what is left, where anybody takes it: Python's own attempt would change the code."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
