"""Secrets taken out of texts that others wrote: output, code, `params.toml`, patches.

find     by its text, where it is long enough to mean nothing else: SHORTEST, whole words
         by its key, in a `params.toml` and in the defaults of a signature, whatever its length
replace  in strings and comments alone, so that what parsed before still does
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import tomllib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from expt.ground.layout import PARAMS_FILE
from expt.ground.text import MASK, dotted
from expt.ground.toml_lines import KeyPath, find_texts
from expt.parameters.secret_values import Secrets, is_secret_name

SHORTEST: Final = 6  # characters: a shorter text is as likely a word of the output
_UNMISTAKABLE: Final = 12  # characters: not by chance a part of a longer word
_REFERENCE: Final = re.compile(r"""["']+\$\{\w+\}["']+""")
_COMMENTED: Final = re.compile(r"^(\s*#\s*(?P<keys>[\w.-]+)\s*=\s*)\S.*$", re.MULTILINE)
_HEADER: Final = re.compile(r"\s*\[+\s*([\w.\s-]+?)\s*\]+")
_NAME: Final = (
    r"(?:password|passwd|secret|api_key|access_token|auth_token|\w+_(?:api_key|password))"
)
_NAMES: Final = re.compile(_NAME)
_NAMED: Final = re.compile(
    rf"""(\b{_NAME}["']?(?:\s*:\s*\w+)?\s*[=:]\s*)(["'])(?:\\.|(?!\2).)+\2""", re.IGNORECASE
)
_Span = tuple[tuple[int, int], tuple[int, int], str]
"""First and last place of a text, lines from 1 and characters from 0, and what replaces it."""


Scrub = Callable[[str], str]


def make_scrubber(texts: Iterable[str]) -> Scrub:
    """A function that replaces every secret text of at least `SHORTEST` characters, longest first.

    A shorter one than `_UNMISTAKABLE` is replaced where it is a whole word.
    """
    spelled = secret_spellings(texts)
    if not spelled:
        return lambda text: text
    pattern = re.compile(secret_pattern(spelled))
    return lambda text: pattern.sub(MASK, text)


def secret_spellings(texts: Iterable[str]) -> list[str]:
    """Every way in which a secret that is masked may be written, longest first."""
    spelled = {spelling for text in texts if len(text) >= SHORTEST for spelling in _spellings(text)}
    return sorted(spelled, key=lambda text: (-len(text), text))


def secret_pattern(spelled: Iterable[str]) -> str:
    """A regular expression, of text and of bytes, that matches these spellings and no other."""
    return "|".join(
        re.escape(text)
        if len(text) >= _UNMISTAKABLE
        else rf"(?<![A-Za-z0-9]){re.escape(text)}(?![A-Za-z0-9])"
        for text in spelled
    )


def _spellings(text: str) -> Iterator[str]:
    """A text as it is, and as Python and JSON write it inside of quotes."""
    yield text
    yield repr(text)[1:-1]
    yield json.dumps(text)[1:-1]


def mask_source(path: str, content: bytes, secrets: Secrets) -> bytes:
    """A file of code as an archive has it; a file without secrets stays as it is, byte by byte."""
    text = content.decode("utf-8", "surrogateescape")
    if path.rpartition("/")[2] == PARAMS_FILE:
        masked = make_scrubber(secrets.texts)(mask_toml(text, secrets))
    elif path.endswith(".py"):
        masked = _mask_python(text, secrets)
    else:
        masked = make_scrubber(secrets.texts)(text)
    return content if masked == text else masked.encode("utf-8", "surrogateescape")


def mask_patch(patch: bytes, secrets: Secrets) -> bytes:
    """A patch whose lines hold no secret: of either side, found as in the files themselves."""
    scrub = make_scrubber(secrets.texts)
    lines = patch.decode("utf-8", "surrogateescape").split("\n")
    is_params = False
    table: KeyPath = ()
    for number, line in enumerate(lines):
        if line.startswith("diff --git "):
            is_params, table = line.endswith(f"/{PARAMS_FILE}"), ()
        elif line[:1] in ("+", "-", " ") and not line.startswith(("+++ ", "--- ")):
            said = line[1:]
            if is_params:
                header = _HEADER.fullmatch(said.partition("#")[0].rstrip())
                table = tuple(map(str.strip, header[1].split("."))) if header else table
                said = _mask_texts(said, secrets, table)
            lines[number] = line[0] + scrub(_NAMED.sub(rf"\1\g<2>{MASK}\2", said))
    return "\n".join(lines).encode("utf-8", "surrogateescape")


# params.toml


def mask_toml(text: str, secrets: Secrets) -> str:
    """`text` with every string below a secret key replaced, in whichever table it stands."""
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):
        return _NAMED.sub(rf"\1\g<2>{MASK}\2", text)
    return _mask_texts(text, secrets, ())


def _mask_texts(text: str, secrets: Secrets, table: KeyPath) -> str:
    pieces, end = [], 0
    for path, start, stop in find_texts(text):
        word = text[start:stop]
        if _is_secret((*table, *path), secrets) and not _REFERENCE.fullmatch(word):
            newlines = word.count("\n")
            quotes = '"""' if newlines else '"'
            pieces += [text[end:start], quotes, MASK, "\n" * newlines, quotes]
            end = stop
    masked = "".join([*pieces, text[end:]])
    return _COMMENTED.sub(
        lambda match: (
            match[1] + MASK if _is_secret(tuple(match["keys"].split(".")), secrets) else match[0]
        ),
        masked,
    )


def _is_secret(path: KeyPath, secrets: Secrets) -> bool:
    if any(map(is_secret_name, path)):
        return True
    return bool(secrets.names) and any(
        dotted(path[start:stop]) in secrets.names
        for start in range(len(path))
        for stop in range(start + 1, len(path) + 1)
    )


# Python


def _mask_python(text: str, secrets: Secrets) -> str:
    scrub = make_scrubber(secrets.texts)
    try:
        spans = list(_default_spans(text, secrets))
        if (
            scrub(text) == text
            and not spans
            and not any("\\" in secret for secret in secrets.texts)
        ):
            return text
        taken = {start for start, _, _ in spans}
        spans += [span for span in _text_spans(text, scrub) if span[0] not in taken]
        masked = _replace(text, spans)
        ast.parse(masked)
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return scrub(text)  # of no use as code before, or a secret is a name in an f-string
    return masked


def replace_in_texts(source: str, change: Scrub) -> str:
    """Python code with its strings and comments changed, and nothing else; where it is none, or
    would be none any more, all of it changed."""
    try:
        changed = _replace(source, _text_spans(source, change))
        ast.parse(changed)
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return change(source)
    return changed


def _default_spans(text: str, secrets: Secrets) -> Iterator[_Span]:
    """The defaults of parameters that are secret by their names or their annotations."""
    if not secrets.names and "Secret" not in text and not _NAMES.search(text):
        return
    lines = text.split("\n")
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.arguments):
            continue
        named = [*node.posonlyargs, *node.args]
        pairs = list(zip(named[len(named) - len(node.defaults) :], node.defaults, strict=True))
        pairs += [(a, d) for a, d in zip(node.kwonlyargs, node.kw_defaults, strict=True) if d]
        for argument, default in pairs:
            said = ast.unparse(argument.annotation) if argument.annotation else ""
            is_secret = re.search(r"\bSecret\b", said) or _is_secret((argument.arg,), secrets)
            for constant in ast.walk(default) if is_secret else ():
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    start = _place(lines, constant.lineno, constant.col_offset)
                    end = _place(lines, constant.end_lineno or 0, constant.end_col_offset or 0)
                    yield start, end, f'"{MASK}"'


def _place(lines: list[str], line: int, offset: int) -> tuple[int, int]:
    """A place of `ast`, whose columns are bytes, in characters."""
    return line, len(lines[line - 1].encode("utf-8", "surrogateescape")[:offset].decode("utf-8"))


def _text_spans(text: str, scrub: Scrub) -> Iterator[_Span]:
    """Strings and comments that hold a secret."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if tokenize.tok_name[token.type] in ("STRING", "COMMENT", "FSTRING_MIDDLE"):
            masked = scrub(token.string)
            if masked != token.string:
                yield token.start, token.end, masked


def _replace(text: str, spans: Iterable[_Span]) -> str:
    lines = text.split("\n")
    for (line, column), (last, end), new in sorted(spans, reverse=True):
        tail = lines[last - 1][end:]
        lines[line - 1 : last] = [lines[line - 1][:column] + new + tail]
    return "\n".join(lines)
