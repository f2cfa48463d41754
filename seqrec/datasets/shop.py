"""A log whose further columns matter, made from a known formula: what comes next follows from how the last item came.

The story is a shop. Who looks at a product compares it with its rival; who puts it into the cart wants what goes with
it; who has bought it turns to something else. Whoever sees the items alone cannot tell which of these it will be.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from seqrec._checks import check_integer
from seqrec.datasets.draws import generator
from seqrec.exceptions import InputError

EVENT_TYPES = ("view", "cart", "buy")
CHANCES = (0.55, 0.3, 0.15)  # of each
FOLLOWS = 0.8  # chance that what comes next is what the formula says
EPOCH = np.datetime64("2024-01-01", "s")
PERIOD = 365 * 86_400  # seconds


def make_shop_log(
    n_users: int = 2_000,
    n_items: int = 300,
    n_events: int = 40_000,
    *,
    random_state: int | np.random.RandomState | None = None,
) -> pd.DataFrame:
    r"""Draw the log of a shop, in which the type of an event decides what comes after it.

    Parameters
    ----------
    n_users : int, default=2000
        Number of users.
    n_items : int, default=300
        Number of products, an even number of at least 4.
    n_events : int, default=40000
        Number of events.
    random_state : int, RandomState instance or None, default=None
        Seed of everything that is drawn.

    Returns
    -------
    pandas.DataFrame
        One row an event, in order of time: `user_id` (str), `item_id` (str), `timestamp` (datetime64, whole seconds, in
        2024), `event_type` ("view", "cart" or "buy") and `price` (float).

    Raises
    ------
    ValueError
        If there are fewer events than users, or `n_items` is odd.

    Notes
    -----
    An event is of type "view", "cart" or "buy" with probability .55, .3 and .15, whatever its item. After a view of
    item i comes its rival, after a cart what goes with it, with probability .8 each: two random pairings of all items.
    Otherwise, and after each purchase, an item is drawn by Zipf's law, :math:`w_i = r_i^{-0.8}`. So the best that can
    be said without the types is that rival or match comes with .44 and .24; with them, it is known which.

    Examples
    --------
    >>> from seqrec.datasets import make_shop_log
    >>> log = make_shop_log(n_users=20, n_items=50, n_events=300, random_state=0)
    >>> log.shape, sorted(log["event_type"].unique())
    ((300, 5), ['buy', 'cart', 'view'])
    """
    n_users, n_items = check_integer(n_users, "n_users"), check_integer(n_items, "n_items", 4)
    n_events = check_integer(n_events, "n_events")
    if n_events < n_users or n_items % 2:
        raise InputError(f"n_events must be at least n_users and n_items even, got {n_events}, {n_users}, {n_items}.")
    rng = generator(random_state)
    weights = (1.0 + rng.permutation(n_items)) ** -0.8
    rival, match = (_pairs(n_items, rng) for _ in range(2))
    prices = rng.lognormal(3, 0.6, n_items).round(2)
    user = np.sort(np.append(np.arange(n_users), rng.integers(0, n_users, n_events - n_users)))
    kind = rng.choice(len(EVENT_TYPES), n_events, p=CHANCES)
    item = rng.choice(n_items, n_events, p=weights / weights.sum())
    follows = (rng.random(n_events) < FOLLOWS) & (np.diff(user, prepend=-1) == 0)
    for event in np.flatnonzero(follows):  # each builds on the one before
        last = item[event - 1]
        item[event] = (rival[last], match[last], item[event])[kind[event - 1]]
    seconds = rng.integers(0, PERIOD, n_events)
    seconds = seconds[np.lexsort((seconds, user))]
    log = {
        "user_id": np.char.mod("u%05d", user).astype(object),
        "item_id": np.char.mod("i%05d", item).astype(object),
        "timestamp": EPOCH + seconds.astype("timedelta64[s]"),
        "event_type": np.array(EVENT_TYPES, dtype=object)[kind],
        "price": prices[item],
    }
    return pd.DataFrame(log).iloc[np.argsort(seconds, kind="stable")].reset_index(drop=True)


def _pairs(n: int, rng: np.random.Generator) -> np.ndarray:
    """Give each item a partner whose partner it is, (n,)."""
    order, partner = rng.permutation(n), np.empty(n, np.intp)
    partner[order[::2]], partner[order[1::2]] = order[1::2], order[::2]
    return partner
