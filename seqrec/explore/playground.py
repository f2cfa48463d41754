"""Begin a sequence, see what could come next, and let a generator go on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import traitlets
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import check_choice, check_integer, show
from seqrec._html import card, table
from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN
from seqrec.exceptions import InputError
from seqrec.explore.front_end import check_position, check_proposal, front_end, packed
from seqrec.explore.history_editor import HistoryEditor
from seqrec.explore.media import MEDIA, Log, Text, medium_of
from seqrec.generate.base import GeneratorMixin, check_shape, longest_sample
from seqrec.generate.sampling import shaped

_MOST_EVENTS = 10_000  # of a beginning, and of what is drawn after it
_MOST_CONTINUATIONS = 6
_LIMITS = (1, 3, 6)  # of surprisal for each field of an event, nats, from which on it is tinted
_LONG, _USUAL_LENGTH = 1_000, 200  # where sequences are so long, so many events are drawn, unless asked otherwise
_SETTINGS = ("temperature", "top_k", "top_p", "length", "n", "seed")


class GeneratorPlayground(HistoryEditor, script="playground_log"):
    """Begin a sequence, see what could come next, and let a generator go on.

    A notebook shows it as a widget: type a beginning or pick one, turn temperature, top k and top p, and see how likely
    each event is to come next; take one, or let several continuations run, side by side, and go on from one of them.
    Every event is tinted by its surprisal. Text is shown as text, music as a piano roll that plays, and a log as rows.

    Parameters
    ----------
    generator : fitted generator
    sequences : Sequences, list of sequences or 2-D array, optional
        Beginnings to choose from, of which at most the first 10,000 events are taken.
    items : DataFrame, Series or mapping, optional
        What events of a log are called: a frame with a column "item_id" (or ids as its index), or titles by id.
    show : {"auto", "text", "music", "log"}
        As what: "auto" takes items of single characters, or of words with the spaces before them, for text, and notes
        for music.

    Attributes
    ----------
    sequence : int
        Trait: position in `sequences` of the beginning; -1: it starts empty.
    temperature, top_k, top_p : float, int or None, float or None
        Traits: as in `sample`.
    length : int or None
        Trait: how many events are drawn; None: until the sequence ends. It is 200 at first where sequences are long.
    n : int
        Trait: how many continuations there are, up to 6.
    seed : int
        Trait: the same seed gives the same continuations.
    history : list of item ids
        The beginning, as edited.
    distribution : DataFrame
        What could come next, the likeliest first: `item` (None is the end), `title`, `probability`, and `drawn`, the
        probability after temperature, top k and top p.
    continuations : Sequences
        What ``generator.sample`` gives for this beginning and these settings.
    events : DataFrame
        The events that were drawn: `continuation`, `position`, `item`, `title` and `surprisal`, nats.

    Raises
    ------
    NotFittedError
        If the generator is not fitted.
    TypeError
        If an argument is of the wrong kind, or items are no text where text is to be shown.

    Examples
    --------
    >>> from seqrec import NGramGenerator
    >>> from seqrec.explore import GeneratorPlayground
    >>> generator = NGramGenerator(order=3).fit([["open", "read", "close"], ["open", "close"]] * 20)
    >>> playground = GeneratorPlayground(generator)
    >>> playground.begin(["open", "read"])
    >>> playground.distribution["title"].tolist()
    ['close', 'open', 'read', '(end)']
    >>> [sequence.tolist() for sequence in playground.continuations][:1]
    [['open', 'read', 'close']]
    """

    temperature, top_k, top_p = (traitlets.Any(value).tag(sync=True) for value in (1.0, None, None))
    length, n, seed = (traitlets.Any(value).tag(sync=True) for value in (None, 3, 0))
    _medium, _shown, _next, _runs = (traitlets.Dict().tag(sync=True) for _ in range(4))
    _problem = traitlets.List(traitlets.Unicode()).tag(sync=True)  # which field, and what is wrong with what was typed
    _nobody = "a new sequence"
    _drawn: Sequences | None = None

    def __init__(self, generator: GeneratorMixin, sequences: Any = None, items: Any = None, show: str = "auto") -> None:
        if not isinstance(generator, GeneratorMixin) or isinstance(generator, type):
            raise InputError(f"GeneratorPlayground shows a fitted generator of seqrec, got {type(generator).__name__}.")
        check_is_fitted(generator, "vocabulary_")
        self.generator = generator
        self.medium = medium_of(generator.vocabulary_, items, check_choice(show, "show", MEDIA))
        X = as_sequences([] if sequences is None else sequences).head(_MOST_EVENTS)
        medium = self.medium.front_end() | {"limits": [limit * _n_fields(generator) for limit in _LIMITS]}
        length = _USUAL_LENGTH if generator.longest_ > _LONG else None
        super().__init__(length=length, _medium=medium, **front_end(f"playground_{self.medium.name}"))
        self._take_up(X, generator.vocabulary_, self.medium.titles)
        self.observe(lambda _: self._tell(), _SETTINGS)

    @traitlets.validate("temperature", "top_k", "top_p")
    def _check_shape(self, proposal: Any) -> Any:
        return check_proposal(proposal, self._as_shape)

    def _as_shape(self, value: Any, name: str) -> Any:
        check_shape(**(self._shape | {name: value}))
        return value

    @traitlets.validate("length")
    def _check_length(self, proposal: Any) -> int | None:
        return check_proposal(proposal, self._as_length)

    def _as_length(self, value: Any, name: str) -> int | None:
        return None if value is None else _up_to(value, name, _MOST_EVENTS)

    @traitlets.validate("n", "seed")
    def _check_number(self, proposal: Any) -> int:
        is_n = proposal["trait"].name == "n"
        return check_proposal(proposal, _up_to, *((_MOST_CONTINUATIONS,) if is_n else (2**32 - 1, 0)))

    @property
    def _shape(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p}

    @property
    def distribution(self) -> pd.DataFrame:
        """What could come next, the likeliest first, and how likely it is to be drawn."""
        order, drawn = np.argsort(-self._probability, kind="stable"), self._drawn_by()
        items = pd.Series([*self._vocabulary.items.tolist(), None], dtype=object)
        columns = {"title": [*self.medium.titles, "(end)"], "probability": self._probability, "drawn": drawn}
        return pd.DataFrame({"item": items} | columns).iloc[order].reset_index(drop=True)

    @property
    def continuations(self) -> Sequences:
        """The beginning, and what was drawn after it: `n` sequences."""
        if self._drawn is None:
            settings = self._shape | {"length": self.length, "random_state": self.seed}
            self._drawn = self.generator.sample(self.n, prefix=self._begun, **settings)
        return self._drawn

    @property
    def events(self) -> pd.DataFrame:
        """The events that were drawn, and the surprisal of each."""
        X = self.continuations
        row = np.repeat(np.arange(len(X)), X.lengths)
        frame = pd.DataFrame(
            {
                "continuation": row,
                "position": np.arange(X.n_events) - X.indptr[row],
                "item": X.vocabulary.decode(X.codes),
                "title": np.array(self.medium.titles, dtype=object)[X.codes - N_RESERVED],
                "surprisal": self.generator.surprisal(X),
            }
        )
        return frame[frame["position"] >= self._history.n_events].reset_index(drop=True)

    def begin(self, beginning: Any) -> None:
        """Begin with these events, or with a text where text is shown; this can be undone.

        Raises
        ------
        ValueError
            If there is an event among them that training lacked, or there are more than 10,000.
        """
        if isinstance(beginning, str) and isinstance(self.medium, Text):
            X = Sequences.from_texts([beginning], unit=self.medium.unit)
        else:
            X = as_sequences([beginning])
        if unknown := [item for item in X.vocabulary.items.tolist() if item not in self._vocabulary]:
            raise InputError(f"{show(unknown[0])} is none of the {len(self._vocabulary):,} kinds that training had.")
        if X.n_events > _MOST_EVENTS:
            raise InputError(f"a beginning has at most {_MOST_EVENTS:,} events, got {X.n_events:,}.")
        self._edit(self._as_history(X, np.full(X.n_events, -1)))

    def another(self) -> None:
        """Draw other continuations: those of the next seed."""
        self.seed += 1

    def keep(self, continuation: int = 0, position: int | None = None) -> None:
        """Go on from a continuation, or from what it is up to the event at `position`; this can be undone."""
        check_position(continuation, "continuation", self.n, lowest=0)
        X = self.continuations[[continuation]]
        if position is not None:
            X = X.head(check_position(position, "position", X.n_events, lowest=0) + 1)
        self._edit(self._as_history(X, np.append(self._history.rows, np.full(X.n_events, -1))[: X.n_events]))

    def _as_history(self, X: Sequences, rows: NDArray[np.integer]) -> Sequences:
        return replace(X.recode(self._sequences.vocabulary), keys=self._history.keys, rows=rows)

    def _follow(self, is_first: bool = False) -> None:  # noqa: ARG002
        X = self._begun = self._with_all_fields(self._history.compact())
        self._probability, surprisal = self.generator.next_probabilities(X)[0], self.generator.surprisal(X)
        text = _sendable(self._history.to_texts()[0]) if isinstance(self.medium, Text) else ""
        with self.hold_sync():
            self._tell()
            self._shown = self._describe_history() | {
                "version": self._version,
                "said": self._said(),
                "surprisal": packed(surprisal),
                "text": text,
                "whole": {} if isinstance(self.medium, Log) else self.medium.told(X, 0),
            }

    def _with_all_fields(self, X: Sequences) -> Sequences:
        """Draw the times and fields that a beginning lacks, as one has that was typed."""
        is_known = (X.recode(self._vocabulary).codes != UNKNOWN).all()
        return self.generator.sample(prefix=X, length=0, random_state=0) if is_known else X

    def _tell(self) -> None:
        """Send what could come next; continuations follow when the page asks for them."""
        self._version, self._drawn, self._problem = self._version + 1, None, []
        self._next = {
            "version": self._version,
            "order": packed(np.argsort(-self._probability, kind="stable"), "int32"),
            "probability": packed(self._probability),
            "drawn": packed(self._drawn_by()),
        }

    def _drawn_by(self) -> NDArray[np.float64]:
        """Give the probability that each item, and last the end, is drawn next."""
        weights = self._probability[None].copy()
        if self.length is not None:
            weights[:, -1] = 0
        drawn = shaped(weights, **self._shape)[0]
        return drawn / drawn.sum()

    def _said(self) -> str:
        first = self.distribution.iloc[0]
        return f"{self._history.n_events:,} events. Likeliest next: {first['title']}, {first['probability']:.0%}."

    def _receive(self, content: Any) -> None:
        match content:
            case {"do": "type", "text": str(text)}:
                self._try("beginning", self.begin, text)
            case {"do": "set", "name": str(name), "value": int() | float() | None as value} if name in _SETTINGS:
                self._try(name, setattr, self, name, value)
            case {"do": "another"}:
                self._try("seed", self.another)
            case {"do": "keep", "continuation": row, "position": position, "version": self._version}:
                self.keep(row, position)
            case {"do": "run", "version": self._version}:  # a later change asks again
                self._run()
            case _:
                super()._receive(content)

    def _try(self, field: str, act: Any, *arguments: Any) -> None:
        """Do what was typed into a field, or say what is wrong with it."""
        self._problem = []
        try:
            act(*arguments)
        except (InputError, traitlets.TraitError) as error:
            self._problem = [field, str(error)]

    def _run(self) -> None:
        """Send the continuations, or why there are none."""
        try:
            X = self.continuations
            surprisal = np.split(self.generator.surprisal(X), X.indptr[1:-1])
        except InputError as error:
            self._runs = {"version": self._version, "problem": str(error), "runs": []}
            return
        start = self._history.n_events
        runs = [self._told(X[[row]], start, nats[start:]) for row, nats in enumerate(surprisal)]
        self._runs = {"version": self._version, "problem": "", "runs": runs}

    def _told(self, X: Sequences, start: int, surprisal: NDArray[np.floating]) -> dict[str, Any]:
        n = len(surprisal)
        ends = self.length is None and n < longest_sample(self.generator.longest_)
        mean = f", {surprisal.mean():.2f} nats each" if n else ""
        count = f"{n:,} event{'s' * (n != 1)}{mean}{', then the end' * ends}."
        told = {"count": count, "codes": packed(X.codes[start:] - N_RESERVED, "int32"), "surprisal": packed(surprisal)}
        return told | self.medium.told(X, start)

    def _fallback(self) -> str:
        rows = [(row, self.medium.line(self.continuations[[row]])) for row in range(self.n)]
        facts = {"begins with": f"{self._history.n_events:,} events", "temperature": self.temperature}
        facts |= {"top k": self.top_k or "all", "top p": self.top_p or "all", "seed": self.seed}
        return card("Generator playground", facts, table(rows, ["", "continuation"], width=300))


def _n_fields(generator: GeneratorMixin) -> int:
    """Give how many fields an event has, what it is among them: their surprisals add up."""
    fields = getattr(generator, "fields_", None)
    return 1 if fields is None else 1 + len(fields.names)


def _up_to(value: Any, name: str, most: int, minimum: int = 1) -> int:
    if check_integer(value, name, minimum) > most:
        raise InputError(f"{name} must be at most {most:,}, got {value:,}.")
    return int(value)


def _sendable(text: str) -> str:
    """Give a text that can be sent: without halves of characters."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
