"""Names that were typed and that nothing takes: a typo fails before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.ground.errors import ParameterError, suggestion
from expt.parameters.typed_text import first_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from expt.ground.options import Assignment, Options
    from expt.planning.binding import Binding


def function_names(binding: Binding) -> list[str]:
    """Names that a table or a `-p` may address an experiment by, weakest first."""
    return [host.function for host in binding.host.chain()][::-1]


def addresses(address: str | None, binding: Binding) -> bool:
    """Whether `-p ADDRESS:name=…` means the experiment; without an address it does."""
    return address is None or address in (*function_names(binding), binding.experiment.id)


def reject_unknown_values(
    given: Iterable[Assignment], bindings: Sequence[Binding], taken: Mapping[str, frozenset[str]]
) -> None:
    """Raise `ParameterError` for a `-p` that no experiment or provider takes."""
    known = sorted({name for names in taken.values() for name in names})
    for one in given:
        name, address, at = one.name[0], one.experiment, f"-p {one.typed}"
        addressed = [binding for binding in bindings if addresses(address, binding)]
        if address is not None and not addressed:
            functions = sorted({name for b in bindings for name in function_names(b)})
            hint = suggestion(address, functions, "experiments", whole=True)
            raise ParameterError(f"no selected experiment is named '{address}'", at, hint)
        if not any(name in taken[binding.experiment.id] for binding in addressed):
            raise unknown_parameter(name, at, known)


def reject_unknown_names(
    option: str, names: Iterable[str], taken: Mapping[str, frozenset[str]]
) -> None:
    """Raise `ParameterError` for a name of `--sweep` or `--space` that nobody takes."""
    known = sorted({name for names in taken.values() for name in names})
    for name in names:
        if first_key(name) not in known:
            raise unknown_parameter(name, f"{option} {name}", known)


def reject_unknown_variants(options: Options, bindings: Iterable[Binding]) -> None:
    """Raise `ParameterError` for a `--variant` that no folder of the experiments has."""
    tables = [file.reserved.get("variants", {}) for b in bindings for file in b.files]
    known = sorted({name for table in tables for name in table})
    for typed in options.values.variants:
        for name in map(str.strip, typed.split(",")):
            if name not in known:
                what = f"no selected experiment has the variant '{name}'"
                at = f"--variant {name}"
                raise ParameterError(what, at, suggestion(name, known, "variants", whole=True))


def unknown_parameter(name: str, at: str, known: Sequence[str]) -> ParameterError:
    """The error for a name that nobody takes, with the closest of those that are."""
    what = f"no selected experiment has a parameter '{name}'"
    return ParameterError(what, at, suggestion(name, known, "parameters", whole=True))
