"""From the words of `expt run` to plugins, configuration and `Options`; each needs the others."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from expt.arguments import VERBS, make_options, make_run_parser, split_words
from expt.configuration import find_root, read_configuration
from expt.plugins import Plugins

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from expt.configuration import Configuration
    from expt.model import Options


def read_command_line(
    words: Sequence[str], cwd: Path
) -> tuple[Plugins, Configuration, argparse.Namespace]:
    """Plugins, configuration and parsed words; each may ask for more of the others.

    `--plugin` is looked for first, since plugins add options; the paths decide the root, and its
    configuration names more plugins and `addopts`, which stand before the words that were typed.
    """
    named = _plugin_words(words)
    plugins = Plugins({}, named)
    parser = make_run_parser(VERBS, lambda p: plugins.decide("expt_add_options", parser=p))
    parsed, unknown = parser.parse_known_intermixed_args(words)
    places, _ = split_words(parsed.paths)
    configuration = read_configuration(find_root([Path(place) for place in places], cwd))
    configured = configuration.values.get("plugins", ())
    addopts = configuration.values.get("addopts", ())
    if configured or addopts:
        plugins = Plugins({}, [*configured, *_plugin_words(addopts), *named])
        parser = make_run_parser(VERBS, lambda p: plugins.decide("expt_add_options", parser=p))
        parsed, unknown = parser.parse_known_intermixed_args([*addopts, *words])
    parser.reject(unknown)
    return plugins, configuration, parsed


def _plugin_words(words: Sequence[str]) -> list[str]:
    named = [after for word, after in itertools.pairwise(words) if word == "--plugin"]
    return named + [word.partition("=")[2] for word in words if word.startswith("--plugin=")]


def masked_command(typed: Sequence[str]) -> tuple[str, ...]:
    """`expt` and what was typed, without secrets, as archives keep it."""
    from expt.params import mask_argument

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
