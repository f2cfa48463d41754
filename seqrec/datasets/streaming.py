"""Logs made from a known formula, for examples, tests and the demo: what generated them is what there is to learn.

The story is a streaming service. The mood that a session is in decides where each genre leads next, and a viewer who
returns to a genre goes on with the series left unfinished there. So what comes next follows from the last few events
together (the mood) and from an event long ago (the bookmark), not from the last event alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec._checks import check_integer
from seqrec.datasets.draws import choose, generator, ids
from seqrec.exceptions import InputError

GENRES = (
    "Mystery", "Comedy", "Space", "Western", "Romance", "Horror",
    "History", "Nature", "Cooking", "Sport", "Music", "Fantasy",
)  # fmt: skip
ADJECTIVES = (
    "Silent", "Golden", "Broken", "Distant", "Hidden", "Electric", "Crimson", "Lonely", "Frozen", "Wandering",
    "Paper", "Midnight", "Borrowed", "Restless", "Velvet", "Hollow", "Northern", "Secret", "Burning", "Quiet",
)  # fmt: skip
NOUNS = (
    "Harbour", "Garden", "Signal", "Orchard", "Mirror", "Island", "Letter", "Engine", "Winter", "Compass",
    "Parade", "Lantern", "River", "Station", "Carousel", "Archive", "Summer", "Voyage", "Tower", "Kitchen",
    "Meadow",
)  # fmt: skip
SERIES_LENGTHS = (6, 1, 1, 4, 1, 3, 1, 8, 1, 1, 1, 5, 1)  # episodes; a film is a series of one
N_MOODS = 3

EPOCH = np.datetime64("2024-01-01", "s")
DAY = 86_400  # seconds
PERIOD = 365 * DAY
WEEKS = 52
SESSION_OPENS = 1 / 8  # chance that an event opens a new session
KEEPS_ROUND = 0.85  # chance that an event inside a session follows its mood
GOES_ON = 0.6  # chance that a bookmarked series is continued
EVENT_GAP = 35 * 60  # seconds, median, inside a session
FRESH_FOR = 90 * DAY  # how fast a release loses its attraction
EVERGREEN = 0.2  # what is left of it for ever
ZIPF_EXPONENT = 0.8
N_DRAWS = 4  # series looked at before one that was seen already is seen again


class _Shelves(NamedTuple):
    """Items of a series are neighbours in episode order; series of a genre are neighbours."""

    first: NDArray[np.intp]  # (n_series,) first item
    length: NDArray[np.intp]  # (n_series,) items
    genre: NDArray[np.intp]  # (n_series,)
    series: NDArray[np.intp]  # (n_items,)


def make_catalogue(n_items: int = 400) -> pd.DataFrame:
    """Titles, genres and series of the items of :func:`make_interactions`.

    It depends on the number of items alone, so it fits the log of any `random_state`.

    Parameters
    ----------
    n_items : int, default=400
        Number of items.

    Returns
    -------
    pandas.DataFrame
        Row i is item i: `item_id` (str), `title` (str), `genre` (str), `series` (int), `episode` (int, from 1).

    Examples
    --------
    >>> from seqrec.datasets import make_catalogue
    >>> make_catalogue(200).loc[[0, 1, 6], ["item_id", "title", "genre"]]
      item_id                 title    genre
    0  i00000  The Silent Harbour 1  Mystery
    1  i00001  The Silent Harbour 2  Mystery
    6  i00006     The Golden Garden  Mystery
    """
    shelves = _shelve(check_integer(n_items, "n_items", 2))
    episode = np.arange(n_items) - shelves.first[shelves.series] + 1
    names = pd.Series([_series_name(series) for series in range(len(shelves.first))], dtype="str")
    title = names[shelves.series].reset_index(drop=True)
    numbered = title + " " + pd.Series(episode).astype("str")
    return pd.DataFrame(
        {
            "item_id": ids("i", n_items),
            "title": title.where(shelves.length[shelves.series] == 1, numbered),
            "genre": np.array(GENRES)[shelves.genre[shelves.series]],
            "series": shelves.series,
            "episode": episode,
        }
    )


def make_interactions(
    n_users: int = 3_000,
    n_items: int = 400,
    n_events: int = 200_000,
    *,
    random_state: int | np.random.RandomState | None = None,
) -> pd.DataFrame:
    r"""Draw the log of a streaming service: who watched what, and when.

    Use it to try things out where the right answer is known. Counting what follows what finds part of it; a model that
    reads the whole history finds more.

    Parameters
    ----------
    n_users : int, default=3000
        Number of users; each has at least one event.
    n_items : int, default=400
        Number of items; :func:`make_catalogue` names them. An item that nobody chose does not occur in the log.
    n_events : int, default=200000
        Number of events. The work grows with the longest history, not with the number of users.
    random_state : int, RandomState instance or None, default=None
        Seed of everything that is drawn.

    Returns
    -------
    pandas.DataFrame
        One row an event, in order of time: `user_id` (str), `item_id` (str), `timestamp` (datetime64, whole seconds, in
        2024).

    Raises
    ------
    ValueError
        If there are fewer events than users.

    Notes
    -----
    *Activity.* The events beyond each user's first are shared out in proportion to
    :math:`a_u \sim \mathrm{LogNormal}(0, 0.6)`.

    *Time.* A user joins at :math:`U(0, 0.6)` of the year. An event opens a session with probability 1/8; events inside
    a session follow each other after :math:`\mathrm{LogNormal}(\ln 35\,\mathrm{min}, 0.4)`; what is left of the user's
    year is shared among the gaps between sessions in proportion to :math:`\mathrm{LogNormal}(0, 1)`.

    *Genre.* User u has a taste :math:`\theta_u \sim \mathrm{Dirichlet}(0.3)` over 12 genres and an inclination
    :math:`\phi_u \sim \mathrm{Dirichlet}(0.7)` to three moods. A session has one mood :math:`m \sim \phi_u` and starts
    at a genre :math:`g_1 \sim \theta_u`. Then, with probability 0.85, :math:`g_{t+1} = R_m(g_t)`, the next genre on the
    round of that mood, a random cycle through all genres that is the same for everyone; else
    :math:`g_{t+1} \sim \theta_u`.

    *Item.* If the last series that u watched in this genre, however long ago, has a next episode, u takes it with
    probability 0.6. Otherwise u starts a series s of the genre at its first episode, drawn by its popularity that week,

    .. math:: w_s(\tau) = r_s^{-0.8} \, (0.2 + e^{-(\tau - b_s) / 90 d}) \; [\tau \ge b_s],

    with its rank :math:`r_s` among the series (Zipf) and its release :math:`b_s`, uniform from a year before the log
    to nine tenths of it: so popularity drifts. Of four draws the first that u has not seen counts.

    Examples
    --------
    >>> from seqrec.datasets import make_interactions
    >>> log = make_interactions(n_users=20, n_items=50, n_events=300, random_state=0)
    >>> log.shape, log["user_id"].nunique()
    ((300, 3), 20)
    """
    n_users = check_integer(n_users, "n_users")
    n_items = check_integer(n_items, "n_items", 2)
    n_events = check_integer(n_events, "n_events")
    if n_events < n_users:
        raise InputError(f"n_events must be at least n_users (every user has an event), got {n_events} < {n_users}.")
    rng = generator(random_state)

    lengths = _history_lengths(n_users, n_events, rng)
    opens = _session_openings(lengths, rng)
    seconds = _times(lengths, opens, rng)
    shelves = _shelve(n_items)
    genres = _genres(lengths, opens, shelves.genre.max() + 1, rng)
    items = _items(lengths, genres, seconds, shelves, rng)

    users = np.repeat(rng.permutation(n_users), lengths)  # else the busiest users had the first names
    in_time = np.argsort(seconds, kind="stable")
    return pd.DataFrame(
        {
            "user_id": ids("u", n_users)[users[in_time]],
            "item_id": ids("i", n_items)[items[in_time]],
            "timestamp": EPOCH + seconds[in_time].astype("timedelta64[s]"),
        }
    )


def _history_lengths(n_users: int, n_events: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Events of each user, longest history first: (n_users,)."""
    activity = rng.lognormal(0, 0.6, n_users)
    lengths = 1 + rng.multinomial(n_events - n_users, activity / activity.sum())
    return np.sort(lengths)[::-1]


def _session_openings(lengths: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which events open a session: (n_events,). A user's first event does."""
    opens = rng.random(lengths.sum()) < SESSION_OPENS
    opens[_starts(lengths)] = True
    return opens


def _times(lengths: NDArray[np.intp], opens: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Seconds since the log began, not decreasing for a user: (n_events,)."""
    n_users, n_events = len(lengths), len(opens)
    user, starts = np.repeat(np.arange(n_users), lengths), _starts(lengths)
    inside = np.where(opens, 0, rng.lognormal(np.log(EVENT_GAP), 0.4, n_events))
    between = np.where(opens, rng.lognormal(0, 1, n_events), 0)
    between[starts] = 0
    joined = rng.uniform(0, 0.6, n_users) * PERIOD
    left_over = rng.lognormal(0, 1, n_users)  # from the last event to the end of the year
    available, busy = PERIOD - joined, np.maximum(np.add.reduceat(inside, starts), 1)
    squeeze = np.minimum(1, available / busy)  # a history too long for its year has no time between sessions
    scale = (available - squeeze * busy) / (np.add.reduceat(between, starts) + left_over)
    elapsed = np.cumsum(inside * squeeze[user] + between * scale[user])
    return np.minimum(joined[user] + elapsed - elapsed[starts][user], PERIOD - 1).astype(np.int64)


def _genres(lengths: NDArray, opens: NDArray, n_genres: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Genre of each event: (n_events,)."""
    n_users, n_events = len(lengths), len(opens)
    user, event = np.repeat(np.arange(n_users), lengths), np.arange(n_events)
    taste = rng.dirichlet(np.full(n_genres, 0.3), n_users)
    inclination = rng.dirichlet(np.full(N_MOODS, 0.7), n_users)
    mood = choose(inclination[user[opens]], rng)[np.cumsum(opens) - 1]  # one for each session
    leaves_round = opens | (rng.random(n_events) >= KEEPS_ROUND)
    leg = np.cumsum(leaves_round) - 1  # events between two departures from the round
    steps = event - event[leaves_round][leg]
    departure = choose(taste[user[leaves_round]], rng)[leg]
    rounds = rng.permuted(np.tile(np.arange(n_genres), (N_MOODS, 1)), axis=1)  # (mood, place): genre
    places = np.argsort(rounds, axis=1)  # (mood, genre): place
    return rounds[mood, (places[mood, departure] + steps) % n_genres]


def _items(
    lengths: NDArray, genres: NDArray, seconds: NDArray, shelves: _Shelves, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Item of each event: (n_events,). One round draws the t-th event of every user who has one."""
    is_first = np.zeros(len(shelves.series) + 1, dtype=bool)  # of the item after the last one, too
    is_first[[*shelves.first, -1]] = True
    popularity = _Popularity(shelves, rng)
    bookmarks = np.full((len(lengths), shelves.genre.max() + 1), -1)
    seen = np.zeros((len(lengths), len(shelves.first)), dtype=bool)
    starts, items = _starts(lengths), np.empty(len(genres), dtype=np.intp)
    for t in range(lengths[0]):
        user = np.arange(np.searchsorted(-lengths, -t))  # the longest histories come first
        event = starts[user] + t
        genre = genres[event]
        item = bookmarks[user, genre] + 1
        starts_series = (item == 0) | is_first[item] | (rng.random(len(user)) >= GOES_ON)
        viewer, where = user[starts_series], event[starts_series]
        item[starts_series] = shelves.first[popularity.draw(genres[where], seconds[where], seen[viewer], rng)]
        items[event] = bookmarks[user, genre] = item
        seen[user, shelves.series[item]] = True
    return items


class _Popularity:
    """Share of each series in its genre, week by week."""

    def __init__(self, shelves: _Shelves, rng: np.random.Generator) -> None:
        n_series = len(shelves.first)
        rank = 1 + rng.permutation(n_series)
        release = rng.uniform(-1, 0.9, n_series) * PERIOD
        week = (np.arange(WEEKS)[:, None] + 0.5) * PERIOD / WEEKS  # (week, 1)
        age = np.maximum(week - release, 0)
        out = np.where(week >= release, EVERGREEN + np.exp(-age / FRESH_FOR), 1e-9)  # tiny: no genre is ever empty
        share = np.cumsum(rank**-ZIPF_EXPONENT * out, axis=1)  # (week, series)
        # Each week takes one unit of a single rising line, so that one search serves draws of all weeks at once.
        share /= share[:, -1:]
        self._line = (share + np.arange(WEEKS)[:, None]).ravel()
        edges = np.searchsorted(shelves.genre, np.arange(shelves.genre.max() + 2))
        self._edges = np.concatenate([np.zeros((WEEKS, 1)), share], axis=1)[:, edges]  # (week, genre + 1)
        self._n_series = n_series

    def draw(self, genre: NDArray, seconds: NDArray, seen: NDArray, rng: np.random.Generator) -> NDArray[np.intp]:
        """Series for n users, one each: (n,); `seen` is (n, n_series)."""
        user, week = np.arange(len(genre)), seconds * WEEKS // PERIOD
        low, high = self._edges[week, genre], self._edges[week, genre + 1]
        point = week + low + rng.random((N_DRAWS, len(genre))) * (high - low)
        series = np.searchsorted(self._line, point, side="right") - week * self._n_series  # (draw, user)
        series = np.minimum(series, self._n_series - 1)
        first_unseen = np.argmin(seen[user, series], axis=0)
        return series[first_unseen, user]


def _shelve(n_items: int) -> _Shelves:
    length = np.resize(SERIES_LENGTHS, n_items)
    n_series = int(np.searchsorted(np.cumsum(length), n_items)) + 1
    length = length[:n_series].copy()
    length[-1] -= length.sum() - n_items
    genre = np.arange(n_series) * min(len(GENRES), n_series) // n_series
    return _Shelves(_starts(length), length, genre, np.repeat(np.arange(n_series), length))


def _series_name(series: int) -> str:
    # 20 and 21 have no common factor, so stepping through both word lists meets every pair once.
    name = f"The {ADJECTIVES[series % len(ADJECTIVES)]} {NOUNS[series % len(NOUNS)]}"
    edition = series // (len(ADJECTIVES) * len(NOUNS))
    return f"{name} ({edition + 1})" if edition else name


def _starts(lengths: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.cumsum(lengths) - lengths
