"""The words of `expt run`, in the groups that its help has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from expt.cli.parser import Group, Parser, count, file_to_write, positive, repeated, seconds, switch

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
    parser.add_argument("-h", "--help", action="help", help="show this and exit")
    switch(parser, "-V", "--version", help="show the version and exit")
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
    add("--repeat", type=positive, metavar="N", help="run every case N times with seeds of its own")
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
        type=positive,
        metavar="N",
        default=10_000,
        help="refuse a plan of more cases (10000)",
    )


def _add_search(group: Group) -> None:
    add = group.add_argument
    add("--search", type=count, metavar="N", help="look for good values: N trials, 0 for none")
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


def _add_workers(group: Group) -> None:
    """Who runs the cases, and with what."""
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


def _add_ends(group: Group) -> None:
    """What ends a run or a session, and which cases are left out, come first, or run again."""
    add = group.add_argument
    add(
        "-x",
        "--exitfirst",
        dest="fail_fast",
        action="store_const",
        const=1,
        help="stop at the first failure",
    )
    add("--maxfail", dest="fail_fast", type=positive, metavar="N", help="stop after N failures")
    add("--timeout", type=seconds, metavar="SECONDS", help="a longer run is failed")
    add("--plan-timeout", type=seconds, metavar="SECONDS", help="longer imports are an error")
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
        type=count,
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
        type=seconds,
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
    add("--durations", type=count, metavar="N", help="the N slowest runs; 0 for all")
    repeated(
        group,
        "--plugin",
        dest="plugins",
        metavar="NAME|FILE",
        help="load a plugin; no:NAME leaves one out",
    )


def _workers(text: str) -> int:
    if text != "auto":
        return count(text)
    from expt.executors.limits import count_processors

    return count_processors()
