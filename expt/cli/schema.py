"""`expt schema`: a JSON Schema beside each `params.toml`, by which editors complete and check."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expt.cli.command_line import read_options
from expt.cli.parser import Parser
from expt.ground.errors import ExitCode
from expt.ground.files import write_atomically
from expt.ground.layout import PARAMS_FILE, SCHEMA_DIRECTIVE, SCHEMA_FILE, SCHEMA_LINE
from expt.ground.screen import Screen, linked, output
from expt.sessions.session import schemas_session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def main(words: list[str]) -> int:
    """Write the schemas, or tell whether they are what they should be."""
    parser = Parser(prog="expt schema", description=__doc__)
    parser.add_argument("paths", nargs="*", metavar="PATH", help="folders (those of experiments)")
    told = "write nothing; exit code 1 where a schema is old"
    parser.add_argument("--check", action="store_true", help=told)
    parser.add_argument("--json", action="store_true", help="print them, by path; write nothing")
    asked = parser.parse_args(words)
    schemas = read_schemas(asked.paths)
    screen = output()
    if asked.json:
        screen.write_json({_shown(p): s for p, s in schemas.items()})
        return int(ExitCode.OK)
    old = {file: schema for file, schema in schemas.items() if not _is_written(file, schema)}
    if asked.check:
        for file in old:
            screen.line(_shown(file), " is not what 'expt schema' writes")
        return int(ExitCode.FAILED if old else ExitCode.OK)
    write_schemas(schemas, screen)
    if not schemas:
        screen.line("there is no params.toml that counts for an experiment here")
    return int(ExitCode.OK)


def read_schemas(paths: Sequence[str]) -> dict[Path, dict[str, Any]]:
    """The schemas of all `params.toml`s below `paths`, by the files that they belong into.

    Without paths, also of those above: they count for no experiment but the configured ones.
    """
    folders = [path if os.path.isdir(path) else os.path.dirname(path) or "." for path in paths]
    options, plugins, _ = read_options(folders)
    found = schemas_session(options, plugins)
    inside = [Path(os.path.abspath(folder)) for folder in folders] or [options.root]
    files = {(options.root / path).with_name(SCHEMA_FILE): s for path, s in found.items()}
    return {
        file: schema
        for file, schema in sorted(files.items(), key=lambda item: item[0].parent)
        if any(file.is_relative_to(folder) for folder in inside)
    }


def write_schemas(schemas: Mapping[Path, Mapping[str, Any]], screen: Screen) -> None:
    """Write what is not there yet, and say which files do not name their schemas."""
    silent = []
    for file, schema in schemas.items():
        if not _is_written(file, schema):
            write_atomically(file, _text(schema).encode())
            screen.line("wrote ", linked(_shown(file), file))
        params = file.with_name(PARAMS_FILE)
        if SCHEMA_DIRECTIVE not in params.read_text(encoding="utf-8-sig").partition("\n")[0]:
            silent.append(_shown(params))
    if silent:
        screen.line("an editor finds it by a first line: ", SCHEMA_LINE)
        screen.line("which is not in: ", ", ".join(silent))


def _is_written(file: Path, schema: Mapping[str, Any]) -> bool:
    try:
        return file.read_text(encoding="utf-8") == _text(schema)
    except (OSError, UnicodeDecodeError):
        return False


def _text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _shown(file: Path) -> str:
    return os.path.relpath(file)
