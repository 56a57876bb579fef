"""From the words of `expt run` to plugins, configuration and `Options`; each needs the others."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expt.cli.arguments import make_run_parser
from expt.cli.habits import understand_places
from expt.cli.parser import VERBS
from expt.cli.typed_options import make_options, split_words
from expt.ground.configuration import find_root, read_configuration
from expt.ground.errors import UsageError
from expt.plugins.manager import Plugins

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from expt.cli.parser import Parser
    from expt.ground.configuration import Configuration
    from expt.ground.options import Options

Verb = Callable[[list[str]], int]

_A_WORD: Final = re.compile(r"[A-Za-z][\w-]*")


def read_command_line(
    words: Sequence[str], cwd: Path
) -> tuple[Plugins, Configuration, argparse.Namespace]:
    """Plugins, configuration and parsed words; each may ask for more of the others.

    `--plugin` is looked for first, since plugins add options; the paths decide the root, and its
    configuration names more plugins and `addopts`, which stand before the words that were typed.
    """
    named = _plugin_words(words)
    plugins = Plugins({}, named)
    parser = _make_parser(plugins)
    parsed, unknown = parser.parse_known_intermixed_args(words)
    places, _ = split_words(parsed.paths)
    configuration = read_configuration(find_root([Path(place) for place in places], cwd))
    configured = configuration.values.get("plugins", ())
    addopts = configuration.values.get("addopts", ())
    if configured or addopts:
        plugins = Plugins({}, [*configured, *_plugin_words(addopts), *named])
        parser = _make_parser(plugins)
        parsed, unknown = parser.parse_known_intermixed_args([*addopts, *words])
    parser.reject(unknown)
    verbs = {**VERBS, **_added_verbs(plugins)}
    parsed.paths = understand_places(parsed.paths, words, verbs, configuration, cwd)
    return plugins, configuration, parsed


def find_verb(words: Sequence[str], cwd: Path) -> Verb | None:
    """What a plugin does for the verb that the first word may be."""
    if not words or not _A_WORD.fullmatch(words[0]):
        return None
    configured = read_configuration(find_root([], cwd)).values.get("plugins", ())
    plugins = Plugins({}, [*configured, *_plugin_words(words)])
    return _added_verbs(plugins).get(words[0])


def _make_parser(plugins: Plugins) -> Parser:
    told = {
        name: (inspect.getdoc(main) or "of a plugin").partition("\n")[0]
        for name, main in _added_verbs(plugins).items()
    }
    return make_run_parser(
        {**VERBS, **told}, lambda parser: plugins.decide("expt_add_options", parser=parser)
    )


def _added_verbs(plugins: Plugins) -> Mapping[str, Verb]:
    added: dict[str, Verb] = {}
    plugins.decide("expt_add_verbs", verbs=added)
    for name in sorted(added.keys() & VERBS.keys()):
        what = f"a plugin adds the verb '{name}', which expt has"
        raise UsageError(what, None, f"verbs of expt: {', '.join(sorted(VERBS))}")
    return added


def _plugin_words(words: Sequence[str]) -> list[str]:
    named = [after for word, after in itertools.pairwise(words) if word == "--plugin"]
    return named + [word.partition("=")[2] for word in words if word.startswith("--plugin=")]


def masked_command(typed: Sequence[str]) -> tuple[str, ...]:
    """`expt` and what was typed, without secrets, as archives keep it."""
    if not any("=" in word for word in typed):
        return ("expt", *typed)
    from expt.parameters.secrets import mask_argument  # slow, and no other word sets a value

    return ("expt", *(mask_argument(word) for word in typed))


def read_options(
    words: Sequence[str], *, verb: str | None = None
) -> tuple[Options, Plugins, argparse.Namespace]:
    """What `expt [VERB] WORDS`, typed in the working directory, would run with."""
    cwd = Path.cwd()
    plugins, configuration, parsed = read_command_line(words, cwd)
    options = make_options(
        parsed,
        root=configuration.root,
        cwd=cwd,
        configuration=configuration.values,
        command=masked_command([verb, *words] if verb else words),
    )
    return options, plugins, parsed
