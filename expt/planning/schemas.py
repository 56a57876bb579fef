"""A JSON Schema for each `params.toml`: the names that experiments below it take, and their types.

    bindings, ladders ─► by file: every name that anybody below asks for ─► schema

Top-level keys are those of all experiments that the file counts for, `[experiment_x]` has those of
its own, and `[expt.smoke]` and the variants have all of them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from expt.ground.layout import RESERVED_TABLE
from expt.ground.model import BUILTIN_PROVIDERS
from expt.ground.text import words_text
from expt.parameters.coercion.json_schema import JsonSchema, any_of, default_of, schema_of
from expt.parameters.params_files import RESERVED_KEYS
from expt.parameters.secrets import find_secrets
from expt.parameters.seeds import SEED
from expt.planning.unknown import function_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from expt.planning.binding import Binding
    from expt.planning.ladder import Ladder
    from expt.planning.words import Words

_ABOUT: Final = ("description", "default")  # what a schema says, and does not ask for
_DRAFT: Final = "http://json-schema.org/draft-07/schema#"
_TEXTS: Final[JsonSchema] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
}
_PARAMETERS: Final[JsonSchema] = {"$ref": "#/definitions/parameters"}
_RESERVED: Final[Mapping[str, JsonSchema]] = {
    "choices": {"type": "object", "additionalProperties": {"type": "object"}},
    "extends": _TEXTS,
    "marks": _TEXTS,
    "repeat": {"type": "integer", "minimum": 1},
    "search": {"type": "object"},
    "smoke": _PARAMETERS,
    "sweep": {"type": "object"},
    "use": _TEXTS,
    "variants": {"type": "object", "additionalProperties": _PARAMETERS},
    "zip": {},
}


def make_schemas(bound: Sequence[tuple[Binding, Ladder]]) -> dict[str, JsonSchema]:
    """By the path of each `params.toml`, relative to the root directory, its schema."""
    below: dict[str, list[tuple[Binding, dict[str, JsonSchema]]]] = {}
    for binding, ladder in bound:
        properties = _properties(ladder)
        for file in binding.files:
            below.setdefault(file.path, []).append((binding, properties))
    return {path: _schema(path, found) for path, found in below.items()}


def _schema(
    path: str, found: Sequence[tuple[Binding, Mapping[str, JsonSchema]]]
) -> dict[str, JsonSchema]:
    """The schema of one file, from the experiments that it counts for."""
    everyone = _together(properties for _, properties in found)
    functions: dict[str, list[Mapping[str, JsonSchema]]] = {}
    for binding, properties in found:
        for name in function_names(binding):
            functions.setdefault(name, []).append(properties)
    tables = {name: _object(_together(own)) for name, own in sorted(functions.items())}
    parameters = _object({**everyone, **tables})
    reserved = _object({key: _RESERVED[key] for key in RESERVED_KEYS})
    return {
        "$schema": _DRAFT,
        "title": f"what {path} may say, written by 'expt schema'",
        "definitions": {"parameters": parameters},
        **_object({**parameters["properties"], RESERVED_TABLE: reserved}),
    }


def _object(properties: Mapping[str, JsonSchema]) -> JsonSchema:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def _together(every: Iterable[Mapping[str, JsonSchema]]) -> dict[str, JsonSchema]:
    """What experiments take between them: of one name, what any of them takes."""
    by_name: dict[str, list[JsonSchema]] = {}
    for properties in every:
        for name, schema in properties.items():
            by_name.setdefault(name, []).append(schema)
    return {name: _merge(by_name[name]) for name in sorted(by_name)}


def _merge(schemas: Sequence[JsonSchema]) -> JsonSchema:
    told: JsonSchema = {}
    for key in _ABOUT:
        values = [schema[key] for schema in schemas if key in schema]
        if values and all(value == values[0] for value in values):
            told[key] = values[0]
    asked = [{k: v for k, v in one.items() if k not in _ABOUT} for one in schemas]
    return {**told, **any_of(asked)}


def _properties(ladder: Ladder) -> dict[str, JsonSchema]:
    """What an experiment and its providers take, by name, with what is said of it."""
    names = {name for name in ladder.graph.askers if name not in BUILTIN_PROVIDERS}
    return {name: _property(name, ladder) for name in sorted({*names, SEED})}


def _property(name: str, ladder: Ladder) -> JsonSchema:
    askers = ladder.graph.askers.get(name, ())
    annotation = ladder.annotation(name)
    schema = schema_of(annotation)
    choice = ladder.choices.get(name)
    if choice is not None:
        members = {"enum": sorted(choice.members)}
        schema = any_of([members, schema or {"type": "object"}])
    _describe_inside(schema, name, ladder.words)
    defaults = [asker.defaults[name] for asker in askers if name in asker.defaults]
    is_told = defaults and not find_secrets(name, defaults[0], annotation)
    told = default_of(defaults[0]) if is_told else {}
    return {**_description(ladder.words.get(name, {})), **told, **schema}


def _describe_inside(schema: JsonSchema, path: str, said: Mapping[str, Words]) -> None:
    """Put what is said of the keys of tables where they stand."""
    for one in schema.get("anyOf", [schema]):
        for key, inner in one.get("properties", {}).items():
            _describe_inside(inner, f"{path}.{key}", said)
            inner.update(_description(said.get(f"{path}.{key}", {})))


def _description(words: Words) -> JsonSchema:
    text = words_text(words)
    return {"description": text} if text else {}
