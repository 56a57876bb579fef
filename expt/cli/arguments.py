"""The words of `expt run`: the parser, and how they become `Options` over the configuration."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from expt.cli.devices import read_devices
from expt.ground import layout
from expt.ground.errors import UsageError, did_you_mean
from expt.ground.options import (
    KeepingOptions,
    Options,
    RunningOptions,
    SearchWords,
    SelectionOptions,
    TellingOptions,
    ValueOptions,
)
from expt.ground.screen import output, paragraph, styled
from expt.ground.value_classes import evolve, field_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")

TRACEBACK_STYLES: Final = ("auto", "long", "short", "line", "native", "no")


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
        text.highlight_regex(r"(?<![\w-])--?[A-Za-z][\w-]*", "cyan")
        text.highlight_regex(r"(?m)^  (?P<a>[a-z]+)(?=  )", "cyan")
        text.highlight_regex(r"(?<![\w…])[A-Z][A-Z0-9]+(?:[=,|][A-Z0-9…]+)*(?![\w])", "yellow")
        screen.draw(text)

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
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)


DESCRIPTION: Final = """\
Find experiment_* functions, run them, and keep a whole archive of every run.

verbs (a verb is a verb only as the first word; './show' is a folder):
{verbs}
"""

EPILOG: Final = """\
exit codes: 0 all completed or skipped, 1 some failed, 2 interrupted, 3 internal error,
            4 usage, collection or planning error, 5 nothing selected
"""


def make_run_parser(
    verbs: Mapping[str, str], add_options: Callable[[argparse.ArgumentParser], None]
) -> Parser:
    """The parser of `expt [run]`; `verbs` are name and description, for its help."""
    told = "\n".join(f"  {name:<13} {text}" for name, text in verbs.items())
    parser = Parser(
        prog="expt",
        usage="expt [VERB] [PATH | NODEID] … [options]",
        description=DESCRIPTION.format(verbs=told),
        epilog=EPILOG,
        add_help=False,
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="folders, files or node ids")
    parser.add_argument("-h", "--help", action="help", help="show this and exit")
    switch(parser, "-V", "--version", help="show the version and exit")
    _add_selection(parser.add_argument_group("selection"))
    _add_parameters(parser.add_argument_group("parameters"))
    _add_running(parser.add_argument_group("running"))
    _add_archives(parser.add_argument_group("archives"))
    _add_terminal(parser.add_argument_group("terminal"))
    before = set(parser._actions)
    add_options(parser)
    parser.set_defaults(plugin_names=[a.dest for a in parser._actions if a not in before])
    return parser


Group = argparse._ArgumentGroup


def switch(parser: Parser | Group, *words: str, **told: Any) -> None:
    """Add a word that is there or not."""
    parser.add_argument(*words, action="store_true", **told)


def repeated(parser: Parser | Group, *words: str, **told: Any) -> None:
    """Add a word that may be given several times, with a value each."""
    parser.add_argument(*words, action="append", default=[], **told)


def _add_selection(group: Group) -> None:
    add = group.add_argument
    add(
        "-k",
        dest="keyword",
        metavar="EXPR",
        default="",
        help="names to select: 'train and not big', as in pytest",
    )
    add("-m", dest="marks", metavar="EXPR", default="", help="marks to select: 'slow or gpu'")
    repeated(group, "--deselect", metavar="NODEID", help="leave out node ids that begin so")
    repeated(group, "--ignore", metavar="PATH", help="do not look into PATH")
    switch(
        group,
        "--collect-only",
        "--co",
        help="list node ids without importing anything of yours; -q prints ids alone",
    )
    switch(group, "--plan", help="show what would run, with which values, from where; run nothing")
    switch(group, "--json", help="with --plan: for machines")
    switch(
        group,
        "--continue-on-collection-errors",
        dest="continue_on_errors",
        help="run what can be read, where something cannot",
    )


def _add_parameters(group: Group) -> None:
    add = group.add_argument
    repeated(
        group,
        "-p",
        dest="params",
        metavar="NAME=VALUE",
        help="set a parameter; dotted names reach into tables, NAME+=… appends, "
        "experiment_x:NAME=… addresses one experiment, NAME:=null is None",
    )
    repeated(
        group,
        "--params",
        dest="params_files",
        metavar="FILE|REF",
        help="values of a TOML file, or of an archived run: 'latest', an id",
    )
    repeated(
        group,
        "--sweep",
        dest="sweeps",
        metavar="NAME=V1,V2,…",
        help="run every value; repeated: every combination, the last fastest; also NAME=[…], "
        "NAME={range=[0,10,2]}, {linspace=[0,1,5]}, {logspace=[1e-4,1e-1,4]}, "
        "{loguniform=[1e-5,1e-1], n=20}",
    )
    repeated(group, "--zip", dest="zips", metavar="A,B", help="vary two swept parameters together")
    add(
        "--repeat", type=_positive, metavar="N", help="run every case N times with seeds of its own"
    )
    repeated(
        group,
        "--variant",
        dest="variants",
        metavar="NAME",
        help="values of [expt.variants.NAME]; a,b is an axis",
    )
    repeated(
        group,
        "--use",
        metavar="FILE",
        help="take the providers and listeners of a module, as [expt] use does",
    )
    _add_search(group)
    switch(group, "--smoke", help="values of [expt.smoke], archives in runs/.smoke")
    add(
        "--max-cases",
        type=_positive,
        metavar="N",
        default=10_000,
        help="refuse a plan of more cases (10000)",
    )


def _add_search(group: Group) -> None:
    add = group.add_argument
    add("--search", type=_count, metavar="N", help="look for good values: N trials, 0 for none")
    repeated(
        group,
        "--space",
        metavar="NAME=…",
        help="what is searched: NAME={log=[1e-5,1e-1]}, {float=[0,1]}, {int=[1,8]}, V1,V2",
    )
    for word in ("maximize", "minimize"):
        repeated(
            group,
            f"--{word}",
            metavar="NAME",
            help=f"{word} results.x, last.x, min.x or max.x; repeatable",
        )
    add("--sampler", metavar="NAME", help="who chooses: tpe (at first), random, grid, qmc, cmaes")
    add("--prune", metavar="SERIES", help="stop trials whose SERIES is hopeless")


def _add_running(group: Group) -> None:
    add = group.add_argument
    add(
        "-n",
        dest="workers",
        type=_workers,
        metavar="N",
        help="worker processes (1); 'auto' is one a core; 0 runs everything in this process; "
        "with --executor, how many cases it is handed at once",
    )
    add(
        "--executor",
        metavar="NAME[:ADDRESS]",
        help="who works on the runs: 'workers' (at first), 'inline', 'dask', 'ray', 'slurm', or "
        "module:factory for any concurrent.futures.Executor",
    )
    switch(
        group,
        "--detach",
        help="with --executor slurm: submit the runs and leave; 'expt status' and --resume tell "
        "the rest",
    )
    add(
        "--devices",
        metavar="LIST",
        help="each running case holds one: '0,1'; '2x0,2x1' shares them; 'auto' is all there are",
    )
    add(
        "--no-cache",
        dest="cache",
        action="store_false",
        help="make what providers with cache=True give, and keep none of it",
    )
    switch(group, "--isolate", help="a fresh process for every run")
    add(
        "-x",
        "--exitfirst",
        dest="fail_fast",
        action="store_const",
        const=1,
        help="stop at the first failure",
    )
    add("--maxfail", dest="fail_fast", type=_positive, metavar="N", help="stop after N failures")
    add("--timeout", type=_seconds, metavar="SECONDS", help="a longer run is failed")
    add("--plan-timeout", type=_seconds, metavar="SECONDS", help="longer imports are an error")
    switch(
        group,
        "--resume",
        help="leave out cases that are done under the same code, values and inputs; go on from "
        "checkpoints",
    )
    switch(
        group,
        "--lf",
        "--last-failed",
        dest="last_failed",
        help="only cases that did not complete when they last ran",
    )
    switch(
        group,
        "--ff",
        "--failed-first",
        dest="failed_first",
        help="cases that did not complete when they last ran come first",
    )
    add(
        "--retries",
        type=_count,
        metavar="N",
        default=0,
        help="run a failed case again, up to N times; the last one counts",
    )
    add(
        "--order",
        choices=("longest",),
        help="longest: what took longest before begins first",
    )
    switch(group, "--pdb", help="open the debugger where a run fails; implies -n 0")


def _add_archives(group: Group) -> None:
    add = group.add_argument
    add("--runs", metavar="DIR", help="where archives go (runs/)")
    repeated(group, "--tag", dest="tags", metavar="TAG", help="label the runs")
    add("--note", metavar="TEXT", help="a sentence about the runs")
    switch(group, "--scratch", help="one archive an experiment in runs/.scratch, overwritten")
    add(
        "--log-level",
        metavar="LEVEL",
        help="the log records that output.log has: debug, info (at first), warning, error, "
        "critical, or a number; logging.basicConfig(level=…) in a run changes it",
    )
    add(
        "--watch",
        type=_seconds,
        metavar="SECONDS",
        help="measure memory, processors and GPUs this often, as series of the run: expt/memory …",
    )
    add("--no-render", dest="render", action="store_false", help="draw no pictures")
    add(
        "--report",
        type=file_to_write,
        metavar="FILE",
        help="write the page of these runs at the end",
    )


def _add_terminal(group: Group) -> None:
    add = group.add_argument
    add("-v", "--verbose", action="count", default=0, help="show values and their origins")
    add("-q", "--quiet", action="count", default=0, help="show less")
    add("-s", dest="capture", action="store_false", help="show what runs print, as they print it")
    add(
        "--tb",
        dest="traceback",
        choices=TRACEBACK_STYLES,
        default="auto",
        help="tracebacks: " + ", ".join(TRACEBACK_STYLES),
    )
    switch(group, "-l", "--showlocals", dest="locals", help="show local variables in tracebacks")
    add(
        "--junitxml",
        dest="junit",
        type=file_to_write,
        metavar="FILE",
        help="write the session as JUnit's XML",
    )
    add("--durations", type=_count, metavar="N", help="the N slowest runs; 0 for all")
    repeated(
        group,
        "--plugin",
        dest="plugins",
        metavar="NAME|FILE",
        help="load a plugin; no:NAME leaves one out",
    )


def file_to_write(text: str) -> Path:
    """The type of an argument that names a file; a folder is told by who writes."""
    if not Path(text).name:
        raise argparse.ArgumentTypeError(f"a file, not {text!r}")
    return Path(text)


def _positive(text: str) -> int:
    value = _count(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"a number from 1, not {text!r}")
    return value


def _count(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"a whole number, not {text!r}")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"a number of seconds, not {text!r}")
    return value


_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


def read_log_level(text: str | None) -> int | None:
    """A level of the standard library's `logging` as its number. Raises `UsageError`."""
    if text is None:
        return None
    level = _LEVELS.get(text.lower())
    if level is None and text.isascii() and text.isdigit() and len(text) < 5:
        level = int(text)
    if level is None:
        raise UsageError(
            f"'{text}' is no level of log records",
            f"--log-level {text}",
            f"levels: {', '.join(sorted(_LEVELS))}, or a number up to 9999",
        )
    return level


def _workers(text: str) -> int:
    if text != "auto":
        return _count(text)
    from expt.executors.limits import count_processors

    return count_processors()


def _read_executor(words: argparse.Namespace, devices: int) -> dict[str, Any]:
    """What `--executor`, `-n`, `--pdb` and `--devices` say. Raises `UsageError`."""
    spelled, workers = words.executor, words.workers
    if words.detach and (spelled or "").partition(":")[0] != "slurm":
        raise UsageError(
            "nothing here goes on when expt is gone",
            "--detach",
            "what is left to Slurm does: --executor slurm",
        )
    if spelled in (None, "workers", "inline"):
        workers = 0 if words.pdb or spelled == "inline" else 1 if workers is None else workers
        workers = min(workers, devices or workers)
        return {"workers": workers, "engine": None, "at_engine": None}
    at = f"--executor {spelled}"
    if devices:
        raise UsageError("'--devices' is of our own workers: an engine gives its own", at)
    if words.pdb or workers == 0:
        told = "--pdb" if words.pdb else "-n 0"
        raise UsageError(f"'{told}' runs everything in this process, and an engine nothing", at)
    return {"workers": 1, "engine": spelled, "at_engine": workers}


def _read_values(words: argparse.Namespace) -> dict[str, list[Any]]:
    """What `-p`, `--sweep` and `--zip` say. Raises `UsageError`."""
    if not (words.params or words.sweeps or words.zips):
        return {"params": [], "sweeps": [], "zips": []}
    # slow, and not needed to list
    from expt.parameters.sweeps import parse_sweep, parse_zip, reject_swept_twice
    from expt.parameters.typed_text import parse_assignment

    values: dict[str, list[Any]] = {
        "params": [parse_assignment(text) for text in words.params],
        "sweeps": [parse_sweep(text) for text in words.sweeps],
        "zips": [parse_zip(text) for text in words.zips],
    }
    reject_swept_twice(values["sweeps"])
    return values


def _read_search(words: argparse.Namespace) -> SearchWords:
    """What `--search` and its kin say. Raises `UsageError`."""
    said = SearchWords(trials=words.search, sampler=words.sampler, prune=words.prune)
    if not (words.maximize or words.minimize or words.space):
        return said
    from expt.parameters.search_tables import parse_objectives, parse_space  # as above

    return evolve(
        said,
        objectives=parse_objectives(words.maximize, words.minimize),
        space=tuple(parse_space(text) for text in words.space),
    )


def make_options(
    words: argparse.Namespace,
    *,
    root: Path,
    cwd: Path,
    configuration: Mapping[str, Any],
    command: tuple[str, ...],
) -> Options:
    """The options of a command line over a configuration. Raises `UsageError`."""
    # not needed for --help
    from expt.discovery.selection import place_node_id

    configured = tuple(configuration.get("paths", ("experiments",)))
    places, node_ids = split_words(words.paths)
    if not places:
        places = [str(root / path) for path in configured]
    runs = words.runs or root / configuration.get("runs", layout.RUNS_DIR)
    devices = read_devices(words.devices)
    # what is not named here is what was typed
    typed = argparse.Namespace(
        **{
            **vars(words),
            "paths": [absolute(place, cwd) for place in places],
            "configured_paths": configured,
            "node_ids": [place_node_id(text, cwd, root) for text in node_ids],
            "deselect": [place_node_id(text, cwd, root) for text in words.deselect],
            "ignore": [*configuration.get("ignore", ()), *words.ignore],
            **_read_values(words),
            "params_files": [
                _find_values(file, cwd, absolute(runs, cwd)) for file in words.params_files
            ],
            **_read_executor(words, len(devices)),
            "devices": devices,
            "search": _read_search(words),
            "timeout": words.timeout or configuration.get("timeout"),
            "runs": absolute(runs, cwd),
            "report": None if words.report is None else absolute(words.report, cwd),
            "junit": absolute(words.junit, cwd) if words.junit else None,
            "log_level": read_log_level(words.log_level or configuration.get("log_level")),
            "render": words.render and configuration.get("render", True),
            "verbosity": words.verbose - words.quiet,
        }
    )
    return Options(
        root=root,
        cwd=cwd,
        selection=_take(SelectionOptions, typed),
        values=_take(ValueOptions, typed),
        running=_take(RunningOptions, typed),
        keeping=_take(KeepingOptions, typed),
        telling=_take(TellingOptions, typed),
        command=command,
        plugins=(*configuration.get("plugins", ()), *words.plugins),
        plugin_options={name: getattr(words, name) for name in words.plugin_names},
        configuration=configuration,
    )


def _find_values(text: str, cwd: Path, runs: Path) -> Path:
    """The file of values that a word for `--params` means: a file, or that of an archived run."""
    file = absolute(text, cwd)
    if os.path.lexists(file) and not (file / layout.RUN_FILE).is_file():
        return file
    from expt.ground.errors import NoSuchRun
    from expt.reading.references import load_run  # not needed for --help

    try:
        return load_run(text, runs).path / layout.PARAMS_FILE
    except NoSuchRun as error:
        if Path(text).suffix:
            return file  # the reader of files says that it is not there
        raise UsageError(
            f"there is no file '{text}', and no run that answers to it",
            f"--params {text}",
            error.hint or "",
        ) from None


def _take(group: type[T], typed: argparse.Namespace) -> T:
    """The fields of `group` from what was typed; lists become tuples."""
    given = {name: getattr(typed, name) for name in field_names(group)}
    return group(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})


def absolute(place: str | Path, cwd: Path) -> Path:
    """`place` from `cwd`, without `..`, links not followed."""
    return Path(os.path.abspath(cwd / place))


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The paths to look into, and the node ids to select; a node id names its path too."""
    places: list[str] = []
    node_ids: list[str] = []
    for word in words:
        place, colons, _ = word.partition("::")
        if colons:
            node_ids.append(word)
        if place not in places:
            places.append(place or ".")
    return places, node_ids
