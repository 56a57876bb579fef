"""Who could be recognised by some archives: people, machines, places, and what stands for them.

    strong   an address, a path, a remote, a name of six letters and more: wherever it stands
    weak     a shorter name, a part of a name: a whole word, and in code in texts and comments alone

Names are taken from the archives, from git and from the system; no list of first names is asked.
"""

from __future__ import annotations

import functools
import getpass
import json
import os
import re
import socket
import sys
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expt.archive.git import read_authors
from expt.exchange.readable import git_of, known_environment
from expt.ground.model import KINDS, STATUSES, RunRecord
from expt.ground.value_classes import field_names, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from expt.parameters.masking import Scrub
    from expt.reading.run import Run

PERSON: Final = "anonymous"
HOST: Final = "host"
_MAIL: Final = "anonymous@example.org"
_PROJECT: Final = "/project"
_HOME: Final = "/home/anonymous"
_PYTHON: Final = "/python"
_STRONG: Final = 6  # letters
_WEAK: Final = 3
_PART: Final = 4
_HOMES: Final = re.compile(r"(?:/home|/Users|/users|[A-Za-z]:\\+Users)[/\\]+([^/\\\s\"':;,]+)")
_NOBODY: Final = frozenset(
    (
        *("root", "user", "users", "runner", "ubuntu", "admin", "nobody", "anonymous", "shared"),
        *("public", "default", "jovyan", "docker", "localhost", "localdomain", "local", "host"),
        *("home", "project", "python", "expt", "test", "tests", "data", "runs", "main", "code"),
        *("github", "noreply", "users.noreply.github.com", "gitlab", "example.org", "none"),
    )
)
_FORMAT_WORDS: Final = frozenset(
    (
        *field_names(RunRecord),
        *STATUSES,
        *KINDS,
        *("experiment", "analysis", "layer", "where", "type", "message", "traceback", "file"),
        *("count", "last", "min", "max", "name", "value", "step", "time", "table", "options"),
        *("files", "size", "sha256", "path", "extends", "deviations", "session", "sweep", "study"),
        *("fingerprint", "number", "state", "objectives", "space", "trials", "sampler", "prune"),
        *("seed", "python", "platform", "packages", "commit", "branch", "dirty", "remote", "json"),
        *("import", "from", "def", "class", "return", "true", "false", "null", "none"),
    )
)
_SYSTEM: Final = ("/", "/usr", "/usr/local", "/bin", "/opt")

_ENCODINGS: Final = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


@frozen
class Identities:
    """Texts that name somebody, and what stands for each in their place."""

    strong: dict[str, str]
    weak: dict[str, str]
    kept: tuple[str, ...] = ()
    """Names that are words of the archive's own format, too: `max`."""

    def scrubber(self, *, weak: bool = True) -> Scrub:
        """A function that replaces them in a text, the longest first."""
        table: dict[str, str] = {}
        patterns = []
        for text in sorted(self.strong, key=lambda one: -len(one)):
            for spelling in _spellings(text):
                table.setdefault(spelling.casefold(), self.strong[text])
                patterns.append(_flexible(spelling))
        for text in sorted(self.weak, key=lambda one: -len(one)) if weak else ():
            for spelling in _spellings(text):
                table.setdefault(spelling.casefold(), self.weak[text])
                patterns.append(rf"(?<![A-Za-z0-9]){re.escape(spelling)}(?![A-Za-z0-9])")
        if not patterns:
            return lambda text: text
        pattern = re.compile("|".join(patterns), re.IGNORECASE)

        def replaced(match: re.Match[str]) -> str:
            return table.get(match[0].casefold(), PERSON)

        return lambda text: pattern.sub(replaced, text)

    def found_in(self, content: bytes) -> bool:
        """Whether bytes that are no text hold a strong one, in UTF-8, 16 or 32."""
        folded = content.lower()
        return any(one in folded for one in self._strong_bytes)

    @functools.cached_property
    def _strong_bytes(self) -> tuple[bytes, ...]:
        spellings = [one.lower() for text in self.strong for one in _spellings(text)]
        return tuple(
            one.encode(encoding, "replace") for encoding in _ENCODINGS for one in spellings
        )


def find_identities(runs: Sequence[Run], folder: Path, also: Iterable[str] = ()) -> Identities:
    """Who is named by `runs`, by the repository around `folder`, by this system, and `also`."""
    people, hosts, places = _of_the_system()
    for run in runs:
        record = run.record
        environment = known_environment(run)
        hosts += [record.host, str(record.owner.get("host") or "")]
        executable = str(environment.get("executable") or "")
        texts = [record.cwd, executable, *record.command, str(run.lineage.get("imported_from"))]
        people += [user for text in texts for user in _HOMES.findall(text)]
        places |= _places_of(run, executable)
    authors, remotes = read_authors(folder)
    remotes += [str(git_of(run).get("remote") or "") for run in runs]
    strong, weak = dict[str, str](), dict[str, str]()
    for place, by in places.items():
        if place not in _SYSTEM and len(place) > 2:
            strong[place] = by
    for remote in filter(None, remotes):
        strong[remote] = ""
        for part in _owners_of(remote):
            _sort_in(part, PERSON, strong, weak)
    for author in authors:
        if "@" in author:
            strong[author] = _MAIL
            _sort_in(author.partition("@")[0], PERSON, strong, weak)
            continue
        _sort_in(author, PERSON, strong, weak)
        for part in re.split(r"[\s.,_-]+", author):
            if len(part) >= _PART:
                _sort_in(part, PERSON, strong, weak)
    for person in (*people, *also):
        _sort_in(person, PERSON, strong, weak)
    for host in hosts:
        _sort_in(host, HOST, strong, weak)
        _sort_in(host.partition(".")[0], HOST, strong, weak)
    weak = {text: by for text, by in weak.items() if text not in strong}
    kept = tuple(sorted(text for text in (*strong, *weak) if text.casefold() in _FORMAT_WORDS))
    for text in kept:
        strong.pop(text, None)
        weak.pop(text, None)
    return Identities(strong, weak, kept)


def _sort_in(text: str, by: str, strong: dict[str, str], weak: dict[str, str]) -> None:
    text = text.strip()
    if text.lower() in _NOBODY or not re.search(r"[^\W\d_]", text):
        return
    if len(text) >= _STRONG:
        strong[text] = by
    elif len(text) >= _WEAK:
        weak[text] = by


def _of_the_system() -> tuple[list[str], list[str], dict[str, str]]:
    people = [os.environ.get(name, "") for name in ("USER", "LOGNAME", "USERNAME")]
    try:
        people.append(getpass.getuser())
        import pwd  # not on every system

        people.append(pwd.getpwuid(os.getuid()).pw_gecos.partition(",")[0])
    except (ImportError, KeyError, OSError):
        pass
    hosts = [socket.gethostname(), os.environ.get("HOSTNAME", "")]
    return people, hosts, {str(Path.home()): _HOME}


def _places_of(run: Run, executable: str) -> dict[str, str]:
    """Absolute paths that the archive tells of, and what stands for each."""
    record = run.record
    places = {record.cwd: _PROJECT} if _is_absolute(record.cwd) else {}
    if _is_absolute(executable):
        places[str(Path(executable).parent.parent)] = _PYTHON
        places[sys.prefix] = _PYTHON
    for about in record.inputs.values():
        path = str(about.get("path") or "")
        if _is_absolute(path):
            places.setdefault(str(Path(path).parent), "/data")
    origin = run.lineage.get("imported_from")
    path = str(origin.get("path") or "") if isinstance(origin, dict) else ""
    if _is_absolute(path):
        places[path] = "/imported"
    return places


def _is_absolute(path: str) -> bool:
    return path.startswith("/") or path[1:3] in (":\\", ":/")


def _owners_of(remote: str) -> list[str]:
    """`me` and `project` of `git@github.com:me/project.git`."""
    path = re.split(r"[:/]", remote.partition("://")[2].partition("/")[2] or remote)
    return [part.removesuffix(".git") for part in path[-2:] if "@" not in part and "." not in part]


def _spellings(text: str) -> Iterator[str]:
    """A text as it is, as JSON and as a URL or an artifact's file name have it."""
    yield from dict.fromkeys(
        (text, json.dumps(text)[1:-1], urllib.parse.quote(text, safe="/@+=,() ~"))
    )


def _flexible(text: str) -> str:
    """`John Smith` also as `john_smith` and `johnsmith`."""
    words = text.split(" ")
    return r"[ ._+-]*".join(map(re.escape, words)) if len(words) > 1 else re.escape(text)
