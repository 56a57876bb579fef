"""The words of `expt run`, in the groups that its help has."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from expt.cli.parser import (
    Parser,
    Section,
    count,
    file_to_write,
    option,
    positive,
    repeated,
    seconds,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

TRACEBACK_STYLES: Final = ("auto", "long", "short", "line", "native", "no")

DESCRIPTION: Final = """\
Find experiment_* functions, run them, and keep a whole archive of every run.

verbs (a verb is a verb only as the first word; './show' is a folder):
{verbs}
"""

EPILOG: Final = """\
exit codes: 0 all completed or skipped, 1 some failed, 2 interrupted,
            3 internal error, 4 usage, collection or planning error,
            5 nothing selected
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
    option(parser, "-h --help", "show this and exit", action="help")
    option(parser, "-V --version", "show the version and exit")
    _add_selection(parser.add_argument_group("selection"))
    _add_parameters(parser.add_argument_group("parameters"))
    running = parser.add_argument_group("running")
    _add_workers(running)
    _add_ends(running)
    _add_archives(parser.add_argument_group("archives"))
    _add_terminal(parser.add_argument_group("terminal"))
    before = set(parser._actions)
    add_options(parser)
    parser.set_defaults(plugin_names=[a.dest for a in parser._actions if a not in before])
    return parser


def _add_selection(group: Section) -> None:
    add = partial(option, group)
    add("-k EXPR", "names to select: 'train and not big', as in pytest", dest="keyword", default="")
    add("-m EXPR", "marks to select: 'slow or gpu'", dest="marks", default="")
    repeated(group, "--deselect NODEID", "leave out node ids that begin so")
    repeated(group, "--ignore PATH", "do not look into PATH")
    told = "list node ids without importing anything of yours; -q prints ids alone"
    add("--collect-only --co", told)
    add("--plan", "show what would run, with which values, from where; run nothing")
    add("--json", "with --plan: for machines")
    told = "run what can be read, where something cannot"
    add("--continue-on-collection-errors", told, dest="continue_on_errors")


def _add_parameters(group: Section) -> None:
    add, several = partial(option, group), partial(repeated, group)
    told = (
        "set a parameter; dotted names reach into tables, NAME+=… appends, "
        "experiment_x:NAME=… addresses one experiment, NAME:=null is None"
    )
    several("-p NAME=VALUE", told, dest="params")
    told = "values of a TOML file, or of an archived run: 'latest', an id"
    several("--params FILE|REF", told, dest="params_files")
    told = (
        "run every value; repeated: every combination, the last fastest; also NAME=[…], "
        "NAME={range=[0,10,2]}, {linspace=[0,1,5]}, {logspace=[1e-4,1e-1,4]}, "
        "{loguniform=[1e-5,1e-1], n=20}"
    )
    several("--sweep NAME=V1,V2,…", told, dest="sweeps")
    several("--zip A,B", "vary two swept parameters together", dest="zips")
    add("--repeat N", "run every case N times with seeds of its own", type=positive)
    several("--variant NAME", "values of [expt.variants.NAME]; a,b is an axis", dest="variants")
    several("--use FILE", "take the providers and listeners of a module, as [expt] use does")
    add("--search N", "look for good values: N trials, 0 for none", type=count)
    told = "what is searched: NAME={log=[1e-5,1e-1]}, {float=[0,1]}, {int=[1,8]}, V1,V2"
    several("--space NAME=…", told)
    for word in ("maximize", "minimize"):
        several(f"--{word} NAME", f"{word} results.x, last.x, min.x or max.x; repeatable")
    add("--sampler NAME", "who chooses: tpe (at first), random, grid, qmc, cmaes")
    add("--prune SERIES", "stop trials whose SERIES is hopeless")
    add("--smoke", "values of [expt.smoke], archives in runs/.smoke")
    add("--max-cases N", "refuse a plan of more cases (10000)", type=positive, default=10_000)


def _add_workers(group: Section) -> None:
    """Who runs the cases, and with what."""
    add = partial(option, group)
    told = (
        "worker processes (1); 'auto' is one a core; 0 runs everything in this process; "
        "with --executor, how many cases it is handed at once"
    )
    add("-n N", told, dest="workers", type=_workers)
    told = (
        "who works on the runs: 'workers' (at first), 'inline', 'dask', 'ray', 'slurm', or "
        "module:factory for any concurrent.futures.Executor"
    )
    add("--executor NAME[:ADDRESS]", told)
    told = "submit the runs and leave; 'expt status' and --resume tell the rest"
    add("--detach", f"with --executor slurm: {told}")
    told = "each running case holds one: '0,1'; '2x0,2x1' shares them; 'auto' is all there are"
    add("--devices LIST", told)
    told = "make what providers with cache=True give, and keep none of it"
    add("--no-cache", told, dest="cache", action="store_false")
    add("--isolate", "a fresh process for every run")


def _add_ends(group: Section) -> None:
    """What ends a run or a session, and which cases are left out, come first, or run again."""
    add = partial(option, group)
    told = "stop at the first failure"
    add("-x --exitfirst", told, dest="fail_fast", action="store_const", const=1)
    add("--maxfail N", "stop after N failures", dest="fail_fast", type=positive)
    add("--timeout SECONDS", "a longer run is failed", type=seconds)
    add("--plan-timeout SECONDS", "longer imports are an error", type=seconds)
    told = "cases that are done under the same code, values and inputs; go on from checkpoints"
    add("--resume", f"leave out {told}")
    told = "cases that did not complete when they last ran"
    add("--lf --last-failed", f"only {told}", dest="last_failed")
    add("--ff --failed-first", f"{told} come first", dest="failed_first")
    told = "run a failed case again, up to N times; the last one counts"
    add("--retries N", told, type=count, default=0)
    told = "longest: what took longest before begins first"
    add("--order", told, action="store", choices=("longest",))
    add("--pdb", "open the debugger where a run fails; implies -n 0")


def _add_archives(group: Section) -> None:
    add = partial(option, group)
    add("--runs DIR", "where archives go (runs/)")
    repeated(group, "--tag TAG", "label the runs", dest="tags")
    add("--note TEXT", "a sentence about the runs")
    add("--scratch", "one archive an experiment in runs/.scratch, overwritten")
    told = (
        "the log records that output.log has: debug, info (at first), warning, error, "
        "critical, or a number; logging.basicConfig(level=…) in a run changes it"
    )
    add("--log-level LEVEL", told)
    told = "measure memory, processors and GPUs this often, as series of the run: expt/memory …"
    add("--watch SECONDS", told, type=seconds)
    add("--no-render", "draw no pictures", dest="render", action="store_false")
    add("--report FILE", "write the page of these runs at the end", type=file_to_write)


def _add_terminal(group: Section) -> None:
    add = partial(option, group)
    add("-v --verbose", "show values and their origins", action="count", default=0)
    add("-q --quiet", "show less", action="count", default=0)
    add("-s", "show what runs print, as they print it", dest="capture", action="store_false")
    styles = {"choices": TRACEBACK_STYLES, "default": "auto"}
    told = "tracebacks: " + ", ".join(TRACEBACK_STYLES)
    add("--tb", told, dest="traceback", action="store", **styles)
    add("-l --showlocals", "show local variables in tracebacks", dest="locals")
    add("--junitxml FILE", "write the session as JUnit's XML", dest="junit", type=file_to_write)
    add("--durations N", "the N slowest runs; 0 for all", type=count)
    repeated(group, "--plugin NAME|FILE", "load a plugin; no:NAME leaves one out", dest="plugins")


def _workers(text: str) -> int:
    if text != "auto":
        return count(text)
    from expt.executors.limits import count_processors

    return count_processors()
