"""What is searched in place of being run once: a search for each case that takes what it varies.

    [expt.search] of the folders, nearest strongest < --search, --space, --maximize, --minimize, …

`-p` or an axis on a name of the space collapses it: it is varied no more.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from expt.archive.search_facts import write_search_terms
from expt.ground.encoding import dumps
from expt.ground.errors import ParameterError
from expt.ground.model import Search
from expt.ground.text import dotted
from expt.ground.trials import SearchTerms
from expt.ground.value_classes import frozen
from expt.parameters.folder_axes import search_of_folders
from expt.parameters.search_tables import merge_words
from expt.parameters.sweeps import REPEAT
from expt.parameters.typed_text import first_key, parse_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from expt.ground.model import Axis, Case
    from expt.ground.options import Options, SearchWords
    from expt.planning.binding import Binding
    from expt.planning.chains import Reach


@frozen
class Sought:
    """What the cases of one experiment are searched for; `repeat` is the axis of a trial's runs."""

    terms: SearchTerms
    repeat: Axis | None
    drawn: bool

    def search(self, case: Case, where: dict[str, str | None]) -> Search:
        """The search that stands for a case, which is at some point of the space."""
        return Search(
            case=case,
            terms=self.terms,
            study=_study_of(case, self.terms),
            drawn=self.drawn,
            repeats=None if self.repeat is None else len(self.repeat),
            where={**where, **{one.name: one.where for one in self.terms.space}}
            | ({} if self.repeat is None else {REPEAT: self.repeat.where}),
        )

    @property
    def first(self) -> dict[str, Any]:
        """Some point of the space, at which a case is checked before there are trials."""
        return {one.name: one.first for one in self.terms.space}


def value_at(values: Mapping[str, Any], name: str) -> Any:
    """The value at a dotted name of nested tables."""
    value: Any = values
    for key in parse_name(name, ""):
        value = value[key]
    return value


def _study_of(case: Case, terms: SearchTerms) -> str:
    """The name of a search: the same for the same experiment, space, objectives and sampler."""
    told = write_search_terms(terms)
    names = [told["objectives"], told["space"], told["sampler"]]
    content = dumps([case.experiment.id, case.label, *names])
    return hashlib.sha256(content.encode()).hexdigest()[:10]


def searched_names(binding: Binding, options: Options) -> frozenset[str]:
    """Every name that a search varies for this experiment, dotted; empty where none is asked."""
    words = _words(binding, options)
    return frozenset(one.name for one in words.space) if words.trials else frozenset()


def decide_search(
    binding: Binding, options: Options, reach: Reach, axes: Sequence[Axis], draw: Callable[[], int]
) -> tuple[Sought | None, list[Axis], list[str]]:
    """What is searched, the axes that are left, and what is to be said of both.

    None where no search is asked for, or the experiment takes nothing of its space. `draw` gives
    what trials are drawn from where nobody gives a seed. Raises `ParameterError`.
    """
    words = _words(binding, options)
    if not words.trials:
        return None, list(axes), []
    _reject_half_a_search(words)
    given = {name for axis in axes for name in axis.names} | reach.own.fixed_names
    taken = [one for one in words.space if reach.takes(first_key(one.name))]
    space = tuple(one for one in taken if not _is_within(one.name, given))
    notes = [f"'{one.name}' is given, and not searched" for one in taken if one not in space]
    if not space:
        return None, list(axes), notes or ["it takes nothing of the space, and runs once"]
    repeat = next((axis for axis in axes if axis.names == (REPEAT,)), None)
    seed, is_given = reach.own.root_seed(draw)
    if not is_given:
        notes.append(f"trials are drawn from seed {seed}: -p seed={seed} draws the same again")
    left = [axis for axis in axes if axis is not repeat]
    terms = SearchTerms(
        space, words.objectives, words.trials, words.sampler or "tpe", words.prune, seed
    )
    return Sought(terms, repeat, not is_given), left, notes


def _is_within(name: str, given: Collection[str]) -> bool:
    """Whether a dotted name, or a table that it lies in, is one of those that are given."""
    keys = parse_name(name, "")
    return any(dotted(keys[:size]) in given for size in range(1, len(keys) + 1))


def _words(binding: Binding, options: Options) -> SearchWords:
    return merge_words(search_of_folders(binding.files), options.values.search)


def _reject_half_a_search(words: SearchWords) -> None:
    if not words.objectives:
        hint = "add --maximize results.NAME or --minimize last.NAME"
        raise ParameterError("the search is for nothing: it has no objective", words.where, hint)
    if not words.space:
        hint = "add --space 'NAME={float=[low, high]}', or [expt.search.space] to a params.toml"
        raise ParameterError("the search has no space: nothing is varied", words.where, hint)
    if words.prune and len(words.objectives) > 1:
        what = "a search with several objectives prunes nothing"
        raise ParameterError(what, words.where, "leave --prune out, or name one objective")
