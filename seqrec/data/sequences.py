"""Sequences hold a log as flat columns, cut into one sequence a user."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, overload

import narwhals as nw
import numpy as np
import pandas as pd

from seqrec._checks import check_choice, check_column_names, check_ids, check_integer, nearest, show
from seqrec.data import frames
from seqrec.data.arrays import join_arrays, name_columns
from seqrec.data.audio import COLUMN, read_audio
from seqrec.data.counts import count_by_time
from seqrec.data.display import card_of_sequences, sizes
from seqrec.data.duplicates import compare_times, duplicated
from seqrec.data.lists import check_keys, flatten, read_flat_times
from seqrec.data.orientation import warn_of_orientation
from seqrec.data.padding import warn_of_padding
from seqrec.data.texts import cut, join
from seqrec.data.times import TICKS, clock_of, on_ticks
from seqrec.data.vocabulary import N_RESERVED, NO_ITEMS, UNKNOWN, Vocabulary, factorize, number_items
from seqrec.exceptions import InputError
from seqrec.sound import LogMel

_MOST_COMPARED = 20_000  # keys, when the one that was meant is looked for


@dataclass(frozen=True, eq=False, repr=False)
class Sequences:
    """Sequences of events, immutable and dictionary-encoded.

    Build them with `from_frame`, `from_lists`, `from_arrays`, `from_audio` or `from_texts`. ``len(X)`` is the number of
    sequences and ``X[rows]`` selects some of them (by slice, array of rows or mask), so that scikit-learn's splitters
    work; ``X.at(key)`` selects by the user's id. ``X[3]`` gives the items of one sequence and iteration those of each,
    in the user's own ids.

    Events may have no item: all that is known of one is its time and its columns. The codes are then all of the one
    item "(event)", which neither `to_frame` nor what is shown mentions; `has_items` says so.

    Attributes
    ----------
    codes : (n_events,) int32
        The item of each event, as a code of `vocabulary`.
    indptr : (n_sequences + 1,) int64
        Sequence ``i`` holds the events ``indptr[i]:indptr[i + 1]``.
    keys : (n_sequences,) ndarray
        The users' own ids.
    vocabulary : Vocabulary
    timestamps : (n_events,) datetime64[us], UTC, or None
    rows : (n_events,) int
        The row of the log that each event came from: ``out[X.rows] = scores`` puts scores in the log's order.
    columns : mapping of str to (n_events,) or (n_events, ...) ndarray
        Further columns of the log; those with further axes hold an array an event, such as a picture. A value that the
        log lacks is NaN among numbers, and None among text and booleans.
    time_unit : str or None
        The unit of a log's numeric timestamps: "s", "ms", "us" or "ns".
    has_items : bool
        Whether the events have items.
    clock : int or None
        Microseconds between the ticks of the clock that wrote the log's times, one of ``times.CLOCKS``; None where
        there are none, or too few to tell. A selection keeps that of the log.
    zone : str or None
        The time zone of the log's times, such as "Europe/Berlin", whose days and months series go by; None where times
        had none, or UTC.

    Examples
    --------
    >>> X = Sequences.from_lists([["tea", "milk"], ["milk"]])
    >>> X
    Sequences(2 sequences, 3 events, 2 items)
    >>> X[0]
    array(['tea', 'milk'], dtype=object)
    >>> X.tail(1)
    Sequences(2 sequences, 2 events, 2 items)
    """

    codes: np.ndarray
    indptr: np.ndarray
    keys: np.ndarray
    vocabulary: Vocabulary
    timestamps: np.ndarray | None
    rows: np.ndarray
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    time_unit: str | None = None
    has_items: bool = True
    clock: int | None = None
    zone: str | None = None
    _repr_html_ = card_of_sequences

    def __post_init__(self) -> None:
        for name in ("codes", "indptr", "keys", "timestamps", "rows"):
            object.__setattr__(self, name, _read_only(getattr(self, name)))
        columns = {name: _read_only(column) for name, column in self.columns.items()}
        object.__setattr__(self, "columns", columns)

    def __reduce__(self) -> tuple[type, tuple]:
        """Pickle and copy the fields alone, not what was computed from them; arrays are read-only again."""
        return type(self), tuple(getattr(self, each.name) for each in fields(self))

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise InputError(
            "sequences are of different lengths, so they are no table of rows and columns, as an array would be. "
            "scikit-learn's bagging, boosting and permutation_importance choose from columns, and so take equally long "
            "lists only; voting, stacking, calibration, searches and cross-validation take Sequences as they are. "
            "X.to_frame() gives the events as a table."
        )

    @classmethod
    def from_frame(
        cls,
        log: Any,
        user: str = "user_id",
        item: str | None = "item_id",
        timestamp: str | None = "timestamp",
        columns: Sequence[str] = (),
        time_unit: str = "auto",
        drop_duplicates: bool = False,
        known_ahead: bool = False,
    ) -> Sequences:
        """Cut a log of events into one sequence a user.

        Users come in the order of their ids, their events in the order of time; ties keep the order of the rows.
        Items are numbered as they first appear in that order.

        Parameters
        ----------
        log : pandas, polars or pyarrow dataframe
            One row an event; it is not changed. A pandas index is ignored.
        user : str
            Column of ids: integers or text.
        item : str or None
            Column of ids. None: events have no item.
        timestamp : str or None
            Column of times: datetimes (converted to UTC), ISO 8601 text, or numbers since 1970. None: as the rows are.
        columns : sequence of str
            Further columns to carry: numbers, booleans, text or times, or lists or arrays of numbers or booleans that
            have one shape in all rows. Numbers, booleans and text may be missing, which is a value of its own.
        time_unit : {"auto", "s", "ms", "us", "ns"}
            Of numeric times; "auto" infers it where all values lie, in one unit only, between 1973 and 2286.
        drop_duplicates : bool
            Whether to keep only the first of the events that agree in user, time, item and `columns`.
        known_ahead : bool
            Whether times may lie in the future without a warning, as those of values that are known ahead do.

        Raises
        ------
        TypeError
            Where `log` is no dataframe, or a column holds values of mixed or unsuitable kinds.
        ValueError
            Where a column is missing; where users, items or times are missing or empty; or where a column holds
            infinite or unreadable values, or arrays of several shapes.

        Examples
        --------
        >>> log = pd.DataFrame({"user_id": ["b", "a", "b"], "item_id": [7, 7, 9], "day": ["2024-05-02"] * 3})
        >>> X = Sequences.from_frame(log, timestamp="day")
        >>> X.keys, X[1]
        (array(['a', 'b'], dtype=object), array([7, 9]))
        >>> ticks = pd.DataFrame({"user_id": ["a", "b", "a"], "frame": [[1, 2], [3, 4], [5, 6]]})
        >>> X = Sequences.from_frame(ticks, item=None, timestamp=None, columns=["frame"])
        >>> X, X.columns["frame"].shape
        (Sequences(2 sequences, 3 events), (3, 2))
        """
        check_choice(time_unit, "time_unit", ("auto", *TICKS))
        columns = check_column_names(columns)
        if drop_duplicates and timestamp is None:
            raise InputError("drop_duplicates needs a timestamp: without times an item twice is no duplicate.")
        frame = frames.open_frame(log, [name for name in (user, item, timestamp, *columns) if name is not None])
        times, unit, zone = None, None, None
        if timestamp is not None:
            times, unit, zone = frames.read_timestamps(frame, timestamp, time_unit, known_ahead)
        with ThreadPoolExecutor(1) as second:  # Arrow and NumPy release the interpreter's lock
            rest = second.submit(lambda: (_read_items(frame, item), frames.order_of(times)))
            users = frames.sort_ids(frames.read_ids(frame, user))
            items, by_time = rest.result()
        rows, indptr = frames.sort_events(users, by_time)
        codes, vocabulary = number_items(items.codes[rows], items.ids)
        in_order = None if times is None else times[rows].astype("datetime64[us]", copy=False)
        X = cls(
            codes=codes,
            indptr=indptr,
            keys=users.ids,
            vocabulary=vocabulary,
            timestamps=in_order,
            rows=rows,
            columns={name: frames.read_column(frame, name)[rows] for name in columns},
            time_unit=unit,
            has_items=item is not None,
            clock=None if in_order is None else clock_of(in_order),
            zone=zone,
        )
        return X.without_duplicates() if drop_duplicates else X

    @classmethod
    def from_lists(
        cls,
        lists: Iterable[Collection[Any]],
        keys: Any = None,
        timestamps: Iterable[Collection[Any]] | None = None,
        time_unit: str = "auto",
    ) -> Sequences:
        """Take each sequence as a list of items, in the order of its events.

        Parameters
        ----------
        lists : iterable of n_sequences collections of ids
        keys : array-like of shape (n_sequences,), optional
            The users' ids; by default 0, 1, 2, ...
        timestamps : iterable of n_sequences collections of times, optional
            The times of the events: none may be earlier than the one before.
        time_unit : {"auto", "s", "ms", "us", "ns"}
            Of numeric times, as in `from_frame`.

        Raises
        ------
        TypeError
            Where an element is no list of ids, or where ids are of mixed or unsuitable kinds.
        ValueError
            Where ids or times are missing, keys repeat, or lengths or the order of times do not fit.
        """
        lengths, values = flatten(lists, "lists")
        warn_of_padding(lengths, values)
        return cls._from_flat(lengths, keys, *factorize(values))._with_times(timestamps, time_unit)

    @classmethod
    def from_arrays(
        cls,
        arrays: Any,
        names: str | Sequence[str] = "values",
        keys: Any = None,
        timestamps: Iterable[Collection[Any]] | None = None,
        time_unit: str = "auto",
        channels_first: bool | None = None,
    ) -> Sequences:
        """Take each sequence as an array, whose first axis is time: a series of numbers, frames or pictures.

        The events have no item, and what the arrays hold becomes a column, or several.

        Parameters
        ----------
        arrays : list of n_sequences (time, ...) arrays, or one (n_sequences, time, ...) array
            Numbers or booleans, whose dtype is kept; all events of one shape; NaN is missing. One array is not copied,
            so it must not change afterwards.
        names : str or list of str
            The name of the column, (n_events, ...); or a list that names the entries of the last axis, each of which
            becomes a column of its own.
        keys, timestamps, time_unit
            As in `from_lists`.
        channels_first : bool, optional
            Whether `arrays` are (channels, time), or one (n_sequences, channels, time), as aeon and sktime have them.
            By default they are not, and a warning tells where it looks otherwise.

        Raises
        ------
        TypeError
            Where there is no array of numbers, or keys or times are of mixed or unsuitable kinds.
        ValueError
            Where shapes, names, keys or times do not fit, or numbers are infinite: a row of the message counts the
            events of all arrays.

        Examples
        --------
        >>> prices = [[[10.0, 11.0], [11.0, 9.5]], [[20.0, 20.5]]]  # (time, 2) each
        >>> X = Sequences.from_arrays(prices, names=["open", "close"], keys=["tea", "milk"])
        >>> X, X.columns["close"]
        (Sequences(2 sequences, 3 events), array([11. ,  9.5, 20.5]))
        >>> videos = Sequences.from_arrays(np.zeros((5, 30, 8, 8), dtype="uint8"), names="picture")
        >>> videos.columns["picture"].shape
        (150, 8, 8)
        >>> Sequences.from_arrays(np.zeros((5, 2, 30)), names=["left", "right"], channels_first=True)
        Sequences(5 sequences, 150 events)
        """
        lengths, values = join_arrays(arrays, bool(channels_first))
        if channels_first is None and isinstance(names, str):
            warn_of_orientation(lengths, values)
        codes = np.full(len(values), N_RESERVED, dtype=np.int32)
        X = cls._from_flat(lengths, keys, codes, NO_ITEMS)._with_times(timestamps, time_unit)
        return replace(X, columns=name_columns(values, names), has_items=False)

    @classmethod
    def from_audio(
        cls,
        sounds: Any,
        rate: int,
        window: float = 0.025,
        step: float = 0.010,
        n_mels: int = 40,
        keys: Any = None,
        errors: str = "raise",
    ) -> Sequences:
        """Take each sequence as a recording, whose events are frames of sound: the energies in bands of pitch.

        The column "log_mel", (n_events, n_mels) float32, holds their logarithms in nats, less the mean of the
        recording: neither loudness nor the colour of a microphone is in them. What is more than 80 dB below the loudest
        is as loud as that. Windows are Hann's, and what is left at the end, less than a window, is not read.

        Parameters
        ----------
        sounds : path, list of n_sequences paths, or list of n_sequences arrays
            WAV, FLAC, OGG or MP3 files, which need soundfile; a folder stands for the files in it, and in folders in
            it, that end so, in the order of their paths. Or samples, (n_samples,) or (n_samples, n_channels), integers
            or floats of any size. Of several channels, the mean is taken.
        rate : int
            Samples a second: arrays have so many, and files that have others are resampled. Half of it is the highest
            frequency that is read: 8,000 serve for speech on the telephone, 16,000 for speech, 22,050 for music.
        window, step : float
            Seconds of a frame, and from frame to frame.
        n_mels : int
            Bands, equally wide in mel, from 0 Hz on.
        keys : array-like of shape (n_sequences,), optional
            By default, the paths of files as text, those of a folder as they are within it; else as in `from_lists`.
        errors : {"raise", "skip"}
            What is done with recordings that cannot be used: that are damaged, cut off, silent, shorter than a window
            or longer than a million frames. "skip" leaves them out and tells so in a warning; `keys` says which stay.

        Raises
        ------
        MissingExtraError
            If there are files, and soundfile is not installed.
        TypeError
            Where `sounds` are neither paths nor arrays.
        ValueError
            Where a recording cannot be used, or another parameter is not as described.

        References
        ----------
        Davis and Mermelstein (1980), "Comparison of parametric representations for monosyllabic word recognition in
        continuously spoken sentences", for the bands. Pitch is O'Shaughnessy's: 2595 log10(1 + f / 700).

        Examples
        --------
        >>> time = np.arange(8_000) / 8_000
        >>> X = Sequences.from_audio([np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 880 * time**2)], rate=8_000)
        >>> X, X.columns["log_mel"].shape
        (Sequences(2 sequences, 196 events), (196, 40))
        """
        form = LogMel(rate, window, step, n_mels)
        frames, keys = read_audio(sounds, form, keys, errors)
        return cls.from_arrays(frames or np.empty((0, 0, n_mels), np.float32), COLUMN, keys, channels_first=False)

    @classmethod
    def from_texts(cls, texts: Iterable[str], unit: str = "character", keys: Any = None) -> Sequences:
        r"""Take each sequence as a text, whose characters or words are its items; `to_texts` gives it back exactly.

        Parameters
        ----------
        texts : iterable of n_sequences str
            Any text, empty ones too. Nothing is normalised: é in one character and in two are different.
        unit : {"character", "word"}
            A "character" is a code point of Unicode. "word" cuts a text where a language model would: a word has the
            one space before it, so that little is left but words; apostrophes inside of it and marks on its letters are
            part of it; other signs, with the space before them, and other white space, such as newlines, are items of
            their own. A script without spaces, such as Chinese, is better read by characters. What is longer than 1,024
            characters is cut.
        keys : array-like of shape (n_sequences,), optional
            As in `from_lists`.

        Raises
        ------
        TypeError
            Where `texts` is one text alone, or an element of it is no text.
        ValueError
            Where keys repeat, or their number does not fit.

        Examples
        --------
        >>> X = Sequences.from_texts(["To be, or not to be.\nThat's it."], unit="word")
        >>> X[0].tolist()
        ['To', ' be', ',', ' or', ' not', ' to', ' be', '.', '\n', "That's", ' it', '.']
        >>> X.to_texts()
        ["To be, or not to be.\nThat's it."]
        """
        lengths, codes, vocabulary = cut(texts, unit)
        return cls._from_flat(lengths, keys, codes, vocabulary)

    @classmethod
    def _from_flat(cls, lengths: np.ndarray, keys: Any, codes: np.ndarray, vocabulary: Vocabulary) -> Sequences:
        """Cut events that are in order already; `keys` are as a user gave them."""
        keys = check_keys(keys, len(lengths))
        return cls(codes, _offsets(lengths), keys, vocabulary, timestamps=None, rows=np.arange(len(codes)))

    @property
    def shape(self) -> tuple[int]:
        """``(n_sequences,)``: scikit-learn then selects sequences as it does rows of an array."""
        return (len(self),)

    @property
    def n_events(self) -> int:
        """Number of events."""
        return len(self.codes)

    @property
    def lengths(self) -> np.ndarray:
        """Number of events of each sequence, (n_sequences,) int64."""
        return np.diff(self.indptr)

    @cached_property
    def tie_share(self) -> float:
        """Share of events at the same time as the event before: their order is that of the log's rows."""
        return float(compare_times(self, np.equal).mean()) if self.n_events else 0.0

    @cached_property
    def n_duplicates(self) -> int:
        """Number of events that repeat one of the same user, time, item and further columns."""
        return int(duplicated(self).sum())

    def without_duplicates(self) -> Sequences:
        """Keep only the first of the events that agree in user, time, item and further columns."""
        keep = ~duplicated(self)
        kept_before = np.concatenate([[0], np.cumsum(keep)])
        return self._select(np.flatnonzero(keep), kept_before[self.indptr], self.keys)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __repr__(self) -> str:
        counts = sizes(len(self), self.n_events, len(self.vocabulary) if self.has_items else None)
        if self.timestamps is None or not self.n_events:
            return f"Sequences({counts})"
        first, last = self.timestamps.min().astype("M8[D]"), self.timestamps.max().astype("M8[D]")
        ties = f", {self.tie_share:.1%} ties" if self.tie_share else ""
        return f"Sequences({counts}, {first} to {last}{ties})"

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    @overload
    def __getitem__(self, rows: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, rows: Any) -> Sequences: ...
    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, tuple):  # scikit-learn asks for X[rows, ...]
            rows, *rest = rows
            if rest != [Ellipsis]:
                raise IndexError("sequences are selected in one dimension: write X[rows].")
        if isinstance(rows, int | np.integer):
            row = range(len(self))[rows]
            return self.vocabulary.decode(self.codes[self.indptr[row] : self.indptr[row + 1]])
        selected = np.arange(len(self))[rows if isinstance(rows, slice) else _row_index(rows)]
        return self._cut(self.indptr[selected], self.indptr[selected + 1], self.keys[selected])

    def at(self, keys: Any) -> Sequences:
        """Select sequences by the users' ids; the first call makes an index, so that later ones take no time.

        Parameters
        ----------
        keys : an id, or a list of them
            Where `X.keys` repeats an id, all of its sequences.

        Returns
        -------
        Sequences
            Of length 1 for one id, and in the order of a list.

        Raises
        ------
        KeyError
            Where there is no such id.

        Examples
        --------
        >>> X = Sequences.from_lists([["tea"], ["milk", "tea"]], keys=["anna", "ben"])
        >>> X.at("ben")[0]
        array(['milk', 'tea'], dtype=object)
        >>> X.at("bent")
        Traceback (most recent call last):
        KeyError: "no sequence has the key 'bent'. Did you mean 'ben'?"
        """
        keys = [keys] if np.ndim(keys) == 0 else keys
        asked = check_ids(keys, "keys")
        found = self._rows_of.get_indexer_for(pd.Index(asked, dtype=asked.dtype))
        if (found < 0).any():
            key = next(key for key in asked.tolist() if key not in self._rows_of)
            near = nearest(key, self.keys[:_MOST_COMPARED].tolist())
            raise KeyError(f"no sequence has the key {show(key)}.{near}")
        return self[found]

    @cached_property
    def _rows_of(self) -> pd.Index:
        return pd.Index(self.keys, dtype=self.keys.dtype)

    def to_frame(self, user: str = "user_id", item: str = "item_id", timestamp: str = "timestamp") -> pd.DataFrame:
        """Give the events as a log, in the order of X: by sequence, then in time.

        `from_frame` takes it back: where users are sorted, as those from a frame are, it gives the same sequences, but
        for empty ones, which have no row. Unknown items are None, which `from_frame` refuses.

        Parameters
        ----------
        user, item, timestamp : str
            What to call these columns; the last two are there where X has items and timestamps.

        Returns
        -------
        log : DataFrame
            A row an event. The index, "row", is `rows`, so ``log.sort_index()`` is in the order of the log that X came
            from. Columns that hold an array an event have the arrays as cells.

        Raises
        ------
        ValueError
            Where a further column has the name of one of these.

        Examples
        --------
        >>> print(Sequences.from_lists([["tea", "milk"], ["tea"]], keys=["anna", "ben"]).to_frame())
            user_id item_id
        row
        0      anna     tea
        1      anna    milk
        2       ben     tea
        """
        own = [(user, np.repeat(self.keys, self.lengths))]
        if self.has_items:
            own.append((item, self.vocabulary.decode(self.codes)))
        if self.timestamps is not None:
            own.append((timestamp, self.timestamps))
        return frames.as_frame([*own, *self.columns.items()], self.rows)

    def to_texts(self) -> list[str]:
        """Give each sequence as a text, its items one after another: what `from_texts` took, if it made them.

        Raises
        ------
        TypeError
            Where items are no text, or there are none.
        ValueError
            Where events are of items that the vocabulary lacks.

        Examples
        --------
        >>> Sequences.from_texts(["tea"]).tail(2).to_texts()
        ['ea']
        """
        return join(self)

    def counts(self, every: str = "1h", by: str = "item", sums: Sequence[str] = ()) -> Sequences:
        """Count events by time: series of demand, such as a forecaster takes.

        A series begins with the interval of its first event and goes on to the end of the log: an interval without an
        event counts 0. The last interval may be incomplete, as the log stops in it; ``.between(0, counts.lengths - 1)``
        leaves it out.

        Parameters
        ----------
        every : str
            Length of the intervals, as pandas writes it: "15min", "1h", "D", "W" (from Monday), "MS" (months), "QS",
            "YS" and the like. They begin at whole ones in UTC; days and longer ones at midnight of the log's `zone`.
        by : str
            What each series is of: "item", "user", or the name of a column of ids. Events without one do not count.
        sums : sequence of str
            Columns of numbers to add up as well; those that are missing add nothing.

        Returns
        -------
        Sequences
            A series for each id, in the order of the ids, whose events have no item: the beginning of an interval, the
            column "count", and those of `sums`.

        Raises
        ------
        ValueError
            Where there are no times, or a column or interval is none.

        Examples
        --------
        >>> times = [["2024-05-02T09:10", "2024-05-02T09:50"], ["2024-05-02T11:20"]]
        >>> X = Sequences.from_lists([["tea", "milk"], ["tea"]], timestamps=times)
        >>> print(X.counts("1h").to_frame("item"))
             item           timestamp  count
        row
        0    milk 2024-05-02 09:00:00      1
        1    milk 2024-05-02 10:00:00      0
        2    milk 2024-05-02 11:00:00      0
        3     tea 2024-05-02 09:00:00      1
        4     tea 2024-05-02 10:00:00      0
        5     tea 2024-05-02 11:00:00      1
        """
        keys, indptr, times, columns = count_by_time(self, every, by, sums)
        codes, rows = np.full(len(times), N_RESERVED, np.int32), np.arange(len(times))
        clock = clock_of(times)
        return Sequences(
            codes, indptr, keys, NO_ITEMS, times, rows, columns, has_items=False, clock=clock, zone=self.zone
        )

    def between(self, starts: Any, stops: Any, rows: Any = None) -> Sequences:
        """Keep the events ``starts[i]:stops[i]`` of each sequence.

        Parameters
        ----------
        starts, stops : int, or (n,) int
            Offsets from the first event of the sequence; what lies outside the sequence is cut off.
        rows : (n,) int, optional
            Of which sequences, some perhaps several times; by default of each once. Whole sequences are not copied.
        """
        rows = np.arange(len(self)) if rows is None else np.asarray(rows, np.intp)
        lengths, first = self.lengths[rows], self.indptr[rows]
        starts = np.clip(starts, 0, lengths)
        stops = np.maximum(starts, np.minimum(stops, lengths))
        return self._cut(first + starts, first + stops, self.keys[rows])

    def head(self, n: int) -> Sequences:
        """Keep the first `n` events of each sequence."""
        return self.between(0, check_integer(n, "n", minimum=0))

    def tail(self, n: int) -> Sequences:
        """Keep the last `n` events of each sequence."""
        return self.between(self.lengths - check_integer(n, "n", minimum=0), self.lengths)

    def on_clock(self, tick: int) -> Sequences:
        """Express the same events in the times that a coarser clock would have told, of so many microseconds a tick."""
        return (
            self if self.timestamps is None else replace(self, timestamps=on_ticks(self.timestamps, tick), clock=tick)
        )

    def recode(self, vocabulary: Vocabulary) -> Sequences:
        """Express the same events in the codes of another vocabulary; items that it lacks become unknown.

        Raises
        ------
        TypeError
            Where one vocabulary holds numbers and the other text, or only one of them items.
        """
        if vocabulary is self.vocabulary:
            return self
        if self.n_events and len(vocabulary) and self.has_items == (vocabulary == NO_ITEMS):
            here, there = ("", "out") if self.has_items else ("out", "")
            raise InputError(f"these events come with{here} items, those of training came with{there}: see item=None.")
        return self._translate(vocabulary)

    def compact(self) -> Sequences:
        """Express the same events in the codes of the items that do occur, in the order of the vocabulary."""
        codes = np.unique(self.codes)
        return self._translate(Vocabulary(self.vocabulary.decode(codes[codes > UNKNOWN])))

    def _translate(self, vocabulary: Vocabulary) -> Sequences:
        return replace(self, codes=self.vocabulary.translation(vocabulary)[self.codes], vocabulary=vocabulary)

    def _with_times(self, timestamps: Iterable[Collection[Any]] | None, time_unit: str) -> Sequences:
        check_choice(time_unit, "time_unit", ("auto", *TICKS))
        if timestamps is None:
            return self
        lengths, values = flatten(timestamps, "timestamps")
        if not np.array_equal(lengths, self.lengths):
            raise InputError("timestamps and sequences differ in their lengths: each event needs one time.")
        times, unit = read_flat_times(values, time_unit)
        timed = replace(self, timestamps=times, time_unit=unit, clock=clock_of(times))
        back = np.flatnonzero(compare_times(timed, np.less))
        if len(back):
            key = self.keys[np.searchsorted(self.indptr, back[0], side="right") - 1]
            raise InputError(f"timestamps of sequence {show(key)} go back in time. Sort its events first.")
        return timed

    def _cut(self, starts: np.ndarray, stops: np.ndarray, keys: np.ndarray) -> Sequences:
        indptr = _offsets(stops - starts)
        events = np.repeat(starts - indptr[:-1], stops - starts) + np.arange(indptr[-1])
        return self._select(events, indptr, keys)

    def _select(self, events: np.ndarray, indptr: np.ndarray, keys: np.ndarray) -> Sequences:
        times = None if self.timestamps is None else self.timestamps[events]
        columns = {name: column[events] for name, column in self.columns.items()}
        codes, rows = self.codes[events], self.rows[events]
        return replace(self, codes=codes, indptr=indptr, keys=keys, timestamps=times, rows=rows, columns=columns)


def _read_items(frame: nw.DataFrame[Any], item: str | None) -> frames.Encoded:
    if item is not None:
        return frames.read_ids(frame, item)
    return frames.Encoded(np.zeros(len(frame), dtype=np.int32), NO_ITEMS.items)


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _row_index(rows: Any) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.dtype.kind in "OSU" and rows.size:
        raise IndexError(f"X[...] selects by position. By the users' ids, write X.at({show(rows.tolist())}).")
    return rows if rows.size else rows.astype(np.int64)


def _read_only(array: np.ndarray | None) -> np.ndarray | None:
    if array is None:
        return None
    view = array.view()
    view.flags.writeable = False
    return view
