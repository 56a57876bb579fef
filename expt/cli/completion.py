"""`expt completion SHELL`: the script that lets a shell complete verbs, options, ids and names.

What is completed is found in sources and archives: nothing of the user's is imported.
"""

from __future__ import annotations

import ast
import os
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from expt.cli.arguments import make_run_parser
from expt.cli.parser import VERBS, Parser
from expt.cli.typed_options import split_words
from expt.ground import layout
from expt.ground.configuration import find_root, read_configuration
from expt.ground.errors import ExitCode, ExptError
from expt.ground.model import BUILTIN_PROVIDERS, STATUSES, folders_down_to
from expt.ground.screen import output
from expt.plugins.manager import Plugins

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from expt.ground.model import Experiment
    from expt.reading.run import Run

SHELLS: Final = ("bash", "zsh", "fish")
_ASKED: Final = "_ARGCOMPLETE"
"""The variable by which a shell says that it wants words and no run."""

_MOST_IDS: Final = 200
_HOW: Final = """\
bash   eval "$(expt completion bash)"              in ~/.bashrc
zsh    eval "$(expt completion zsh)"               in ~/.zshrc, after compinit
fish   expt completion fish | source               in ~/.config/fish/config.fish
"""


def main(words: list[str]) -> int:
    """Print the script for one shell."""
    parser = Parser(prog="expt completion", description="Print a completion script.", epilog=_HOW)
    parser.add_argument("shell", choices=SHELLS)
    shell: str = parser.parse_args(words).shell
    from argcomplete.shell_integration import shellcode  # only here, and when a shell asks

    output().write(shellcode(["expt"], shell=shell))
    return int(ExitCode.OK)


def complete() -> None:
    """Answer the shell that asked, and end the process."""
    import argcomplete

    line = os.environ.get("COMP_LINE", "")
    typed = line[: int(os.environ.get("COMP_POINT", len(line)))].split()[1:]
    verb = typed[0] if typed and (len(typed) > 1 or line.endswith(" ")) else ""
    if verb in VERBS:
        os.environ[_ASKED] = str(int(os.environ[_ASKED]) + 1)
    parser = parser_of(verb)
    _add_completers(parser, verb)
    argcomplete.autocomplete(parser, always_complete_options="long")


def parser_of(verb: str) -> argparse.ArgumentParser:
    """The parser of a verb, or of what has none."""
    if verb in ("", "run", "params") or verb not in VERBS:
        plugins = Plugins({})
        return make_run_parser(
            VERBS, lambda parser: plugins.decide("expt_add_options", parser=parser)
        )
    parse_known_args = Parser.parse_known_args
    Parser.parse_known_args = _hand_over  # type: ignore[assignment, method-assign]
    try:
        import_module(f"expt.cli.{verb}").main([])
    except _Asked as asked:
        return asked.parser
    finally:
        Parser.parse_known_args = parse_known_args  # type: ignore[method-assign]
    raise AssertionError(f"the verb '{verb}' parses nothing")


class _Asked(BaseException):
    """The parser of a verb, where its main would have parsed words: this process only answers."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def _hand_over(parser: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
    raise _Asked(parser)


def _add_completers(parser: argparse.ArgumentParser, verb: str) -> None:
    by_name: dict[str, Callable[..., Iterable[str]]] = {
        "paths": lambda prefix, **_: _places(prefix, with_verbs=not verb),
        **dict.fromkeys(("references", "reference", "one", "other", "words"), _references),
        "params": _assignments,
        "sweeps": _assignments,
        "marks": lambda parsed_args, **_: {m for e in _found(parsed_args) for m in e.marks},
        "variants": _variants,
        "deselect": lambda prefix, **_: _places(prefix, with_verbs=False),
        "extends": lambda prefix, **_: _places(prefix, with_verbs=False),
        "plugins": _plugins,
        "columns": lambda prefix, **_: _columns(prefix),
        "sort": lambda prefix, **_: _columns(prefix),
        "tag": lambda **_: {tag for run in _newest() for tag in run.tags},
        "status": lambda **_: STATUSES,
        "providers": _cached,
        "executor": _executors,
    }
    if verb == "stop":
        by_name["references"] = lambda **_: [r.id for r in _newest() if r.status == "running"]
    if verb == "tag":
        by_name["words"] = lambda **_: [*_references(), *by_name["tag"]()]
    for action in parser._actions:
        if action.dest in by_name:
            action.completer = by_name[action.dest]  # type: ignore[attr-defined]


def _places(prefix: str, *, with_verbs: bool) -> Iterator[str]:
    """Verbs, folders and files; node ids once a file or folder is named."""
    if with_verbs:
        yield from VERBS
    place, colons, _ = prefix.partition("::")
    if colons or prefix.endswith(".py"):
        for experiment in _experiments([place]):
            yield f"{place}::{experiment.name}"
        return
    folder = Path(prefix if prefix.endswith("/") else os.path.dirname(prefix) or ".")
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        if entry.name.startswith((".", "__pycache__")):
            continue
        shown = os.path.join(os.path.dirname(prefix), entry.name)
        if entry.is_dir():
            yield f"{shown}/"
        elif entry.suffix == ".py":
            yield shown


def _references(**_: Any) -> Iterator[str]:
    """`latest`, ids of the newest runs, and the node ids that have runs."""
    yield "latest"
    runs = _newest()
    for run in runs:
        yield run.id
    yield from {run.experiment for run in runs}


def _cached(**_: Any) -> set[str]:
    """The names of providers whose values are kept."""
    from expt.archive.cache_files import list_cached
    from expt.reading.references import find_archive_root

    return {kept.provider for kept in list_cached(find_archive_root(None) / layout.CACHE_DIR)}


def _newest() -> Sequence[Run]:
    from expt.reading.finding import find_runs
    from expt.reading.references import find_archive_root

    return find_runs(find_archive_root(None), limit=_MOST_IDS)


def _columns(prefix: str) -> Iterator[str]:
    """Names of values, after the comma that was typed last."""
    from expt.reading.fields import known_names

    before, comma, _ = prefix.rpartition(",")
    for name in sorted(known_names(_newest())):
        yield f"{before}{comma}{name}"


def _assignments(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> Iterator[str]:
    """`name=` for what signatures and `params.toml` files name; then the values of a choice."""
    experiments = _found(parsed_args)
    root = find_root([Path.cwd()], Path.cwd())
    signatures: dict[str, ast.expr | None] = {}
    for experiment in experiments:
        signatures |= _arguments_of(root / experiment.path)
        for folder in folders_down_to(experiment.folder):  # whose providers take parameters
            signatures |= _arguments_of(root / folder / layout.CONFTEST_FILE)
    name, equals, typed = prefix.partition("=")
    if equals:
        before = prefix[: len(prefix) - len(typed.rpartition(",")[2])]
        yield from (f"{before}{value}" for value in _choices(signatures.get(name)))
        return
    names = signatures.keys() | {name for each in experiments for name in each.parameters}
    for folder in {experiment.folder for experiment in experiments}:
        names |= set(_keys_above(folder))
    for name in sorted(names - BUILTIN_PROVIDERS):
        yield f"{name}="


def _arguments_of(file: Path) -> dict[str, ast.expr | None]:
    """Names and annotations of what the experiments and providers of a source ask for."""
    try:
        module = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    found: dict[str, ast.expr | None] = {}
    providers = []
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef):
            marks = " ".join(map(ast.unparse, node.decorator_list))
            is_provider = re.search(r"\bprovider\b", marks) is not None
            providers += [node.name] if is_provider else []
            if is_provider or node.name.startswith(layout.EXPERIMENT_PREFIX):
                asked = [*node.args.args, *node.args.kwonlyargs]
                found |= {argument.arg: argument.annotation for argument in asked}
    return {name: kind for name, kind in found.items() if name not in providers}


def _choices(annotation: ast.expr | None) -> Iterator[str]:
    """The members of each Literal in it, the two truth values of a bool."""
    for node in ast.walk(annotation) if annotation is not None else ():
        if isinstance(node, ast.Name) and node.id == "bool":
            yield from ("true", "false")
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Literal"):
            members = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            yield from (str(each.value) for each in members if isinstance(each, ast.Constant))


def _keys_above(folder: str) -> Iterator[str]:
    for values in _params_above(folder):
        for key in values:
            if key != layout.RESERVED_TABLE and not key.startswith(layout.EXPERIMENT_PREFIX):
                yield key


def _variants(parsed_args: argparse.Namespace, **_: Any) -> Iterator[str]:
    for folder in {experiment.folder for experiment in _found(parsed_args)}:
        for values in _params_above(folder):
            yield from values.get(layout.RESERVED_TABLE, {}).get("variants", {})


def _params_above(folder: str) -> Iterator[dict[str, Any]]:
    from expt.ground.errors import ParameterError
    from expt.ground.toml_reading import read_toml

    root = find_root([Path.cwd()], Path.cwd())
    for above in folders_down_to(folder):
        path = root / above / layout.PARAMS_FILE
        if path.is_file():
            yield read_toml(path, str(path), ParameterError)[0]


def _executors(**_: Any) -> list[str]:
    from expt.executors.engines.spelling import engine_names

    configured = read_configuration(find_root([], Path.cwd())).values.get("executors", {})
    return sorted({*engine_names(), *configured})


def _plugins(**_: Any) -> list[str]:
    from expt.plugins.manager import find_entry_points

    return [entry.name for entry in find_entry_points()]


def _found(parsed_args: argparse.Namespace) -> list[Experiment]:
    places, _ = split_words(getattr(parsed_args, "paths", None) or [])
    return _experiments(places)


def _experiments(places: list[str]) -> list[Experiment]:
    """What the sources show below `places`; nothing where they cannot be read."""
    from expt.discovery import find_experiments

    cwd = Path.cwd()
    try:
        root = find_root([Path(place) for place in places], cwd)
        values = read_configuration(root).values
        configured = layout.usual_paths(values)
        paths = [cwd / place for place in places] or [root / path for path in configured]
        return list(find_experiments(paths, root, ignore=values.get("ignore", ())).experiments)
    except ExptError:
        return []
