"""A log with planted fraud, made from a known formula: what was planted, and where, is there to be found.

The story is an online bank. A session follows a plan: steps that are required, left to chance or repeated. What must
happen late depends on what happened early: whether a payment needs a code on whether its payee is new, its amount and
what comes after it on what is paid. So most of the fraud breaks a rule that no few neighbouring events show.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec._checks import check_integer, show
from seqrec.datasets.draws import choose, generator, ids
from seqrec.exceptions import InputError

KINDS = ("take-over", "burst", "skipped step", "odd amount", "regular bot")
CHANNELS = ("web", "app", "phone")
PREFERENCE = (1.5, 2.5, 0.8)  # of accounts for each channel, as a Dirichlet distribution
EVENTS = {  # seconds before the event, median
    "log in": 5, "log out": 1, "confirm code": 14, "read message": 20, "view balance": 4, "view history": 9,
    "view savings": 5, "open bill": 16, "search payee": 7, "choose payee": 3, "add payee": 45, "fill in payment": 30,
    "check payment": 6, "pay": 3, "send message": 35, "download statement": 5, "open settings": 4,
    "change address": 50, "change limit": 12, "change password": 28, "dispute payment": 40, "upload document": 60,
    "ask for help": 25, "read terms": 70,
}  # fmt: skip
CODES = {event: code for code, event in enumerate(EVENTS)}
INTERLUDES = {"read message": 0.55, "view balance": 0.42, "ask for help": 0.028, "read terms": 0.002}
INTERLUDE = 0.06  # chance of one before an event

EPOCH = np.datetime64("2024-01-01", "ms")
PERIOD = 365 * 86_400_000  # milliseconds
REPEAT = 0.2  # of the gap, where an event repeats the one before
GAP_SPREAD = 0.45  # standard deviations of logarithms
AMOUNT_SPREAD = 0.35
ACCOUNT_SPREAD = 0.3  # of an account's pace and level

RUSH_LENGTH = 6  # gaps
RUSH = 5.0  # times shorter
ODDITY = (3.0, 6.0)  # standard deviations
TYPICAL_AMOUNT = 150.0  # euros; odd amounts lie on its side, where other payments are ordinary
IRREGULARITY = 0.02  # coefficient of variation of a bot's gaps


class _Step(NamedTuple):
    """Events in a row, which happen with a chance, and then again and again with another."""

    events: tuple[str, ...]
    chance: float = 1.0
    again: float = 0.0
    amount: float = 0.0  # euros, median


class _Plan(NamedTuple):
    weight: float  # share of the sessions, up to a factor
    steps: tuple[_Step, ...]
    affinity: tuple[float, float, float]  # to each of CHANNELS


class _Accounts(NamedTuple):
    pace: NDArray[np.float64]  # (n_accounts,) factor of gaps
    level: NDArray[np.float64]  # (n_accounts,) factor of amounts
    preference: NDArray[np.float64]  # (n_accounts, n_channels)


def _step(event: str, chance: float = 1.0, again: float = 0.0, amount: float = 0.0) -> _Step:
    return _Step((event,), chance, again, amount)


LOG_IN = (
    _step("log in"),
    _step("confirm code", 0.5),
    _step("read message", 0.25, 0.2),
    _step("view balance", 0.6, 0.15),
)
LOG_OUT = (_step("log out", 0.85),)
CHANGES = (
    _Step(("change address", "confirm code"), 0.6),
    _Step(("change limit", "confirm code"), 0.5),
    _Step(("change password", "confirm code"), 0.7),
)
DISPUTE = (
    _Step(("view history", "download statement"), 0.8, 0.4),
    _step("view history", 1, 0.6),
    _step("dispute payment", amount=60),
    _step("upload document", 0.8, 0.4),
    _step("send message", 1, 0.3),
)
LOOK = (
    _step("view savings", 0.4),
    _step("view history", 1, 0.8),
    _Step(("view balance", "view history"), 0.6, 0.6),
    _step("download statement", 0.4, 0.3),
    _step("read message", 0.3),
)
TASKS = {  # how a payment begins, its median amount in euros, what comes after it
    "bill": (_step("open bill", 1, 0.35), 90.0, _step("download statement")),
    "friend": (_step("search payee", 1, 0.5), 20.0, _step("send message")),
    "savings": (_step("view savings", 1, 0.2), 900.0, _step("view balance", 1, 0.2)),
}
PAIRS = (("bill", "friend"), ("friend", "savings"), ("savings", "bill"))
PAYEES = {"old": 0.65, "new": 0.35}  # share of the payments


def make_fraud_log(
    n_sessions: int = 4_000,
    fraud_rate: float = 0.02,
    *,
    n_accounts: int = 400,
    random_state: int | np.random.RandomState | None = None,
) -> pd.DataFrame:
    r"""Draw the log of an online bank with labelled fraud: who did what, when, by which channel and for how much.

    Use it to try out detectors where the right answer is known. A session is one sequence. Every kind of fraud is made
    of events, lengths and counts that are ordinary, so that what is wrong is their order, time or amount.

    Parameters
    ----------
    n_sessions : int, default=4000
        Number of sessions, of 2 to some 40 events, 17 on average.
    fraud_rate : float, default=0.02
        Share of sessions that are fraud, from 0 (a clean log, for training) to 1; rounded to whole sessions. With one
        seed, sessions that are not fraud are the same at every rate.
    n_accounts : int, default=400
        Number of accounts. One that had no session does not occur in the log.
    random_state : int, RandomState instance or None, default=None
        Seed of everything that is drawn. The plans below are the same for every seed.

    Returns
    -------
    pandas.DataFrame
        One row an event, in order of time: `session_id` (str, in the order in which sessions begin), `account_id`
        (str), `event` (str, 24 different), `timestamp` (datetime64, milliseconds, in 2024), `amount` (float, euros; 0.0
        where an event has none), `channel` (str: "web", "app" or "phone", one for a session), `is_fraud` (bool) and
        `kind` (str: "take-over", "burst", "skipped step", "odd amount", "regular bot" or "").

    Raises
    ------
    ValueError
        If `fraud_rate` is not between 0 and 1.

    Notes
    -----
    *Plans.* A session logs in, does one or two tasks and logs out: it looks around (12 %), changes settings (address,
    limit, password, in this order; 10 %), disputes a payment (10 %), pays a bill, a friend or into savings (30 %),
    pays twice (20 %), or pays and then changes settings, never the reverse (18 %). Each step s of a plan happens with
    its chance :math:`p_s`, and then :math:`\mathrm{Geometric}(1 - r_s)` times. A payment is

        begin → choose or add payee → (view balance) → view history, ... → fill in payment, ... → check payment
        → confirm code, if the payee chosen last is new (35 %) → pay → end,

    whose begin and end tell what is paid. Before any event but the first, an interlude slips in with probability 0.06:
    mostly a message or the balance; rarely a request for help, very rarely the terms of use.

    *Accounts.* Account a has a pace :math:`P_a` and a level :math:`L_a`, each :math:`\mathrm{LogNormal}(0, 0.3)`, a
    preference :math:`\theta_a \sim \mathrm{Dirichlet}(1.5, 2.5, 0.8)` for web, app and phone, and sessions in
    proportion to :math:`\mathrm{LogNormal}(0, 0.6)`.

    *Fields.* The gap before event e is :math:`P_a m_e \mathrm{LogNormal}(0, 0.45)`, with medians :math:`m_e` from 1 to
    70 seconds, and a fifth of that where e repeats the event before. The amount of a payment or dispute of kind q is
    :math:`L_a l_q \mathrm{LogNormal}(0, 0.35)`, with medians of 90 € for a bill, 20 € for a friend, 900 € for savings
    and 60 € in a dispute. The channel is c with probability in proportion to :math:`\theta_{ac} \, w_{cq}`; settings
    are mostly changed on the web.

    *Fraud.* The kinds have equal shares, and each session of fraud holds a payment.

    - take-over: somebody changes settings, in the order password, limit, address, and only then pays a new payee, by
      app. The same is common in the other order, on the web.
    - burst: 6 gaps in a row, at a uniform place, are divided by 5.
    - skipped step: a new payee is paid without a code, as only an old one may be.
    - odd amount: the session's last payment is :math:`L_a l_q e^{\pm 0.35 z}` with :math:`z \sim U(3, 6)`; less where
      :math:`l_q` is above 150 €, more where it is below. For another task it would be ordinary.
    - regular bot: every gap is :math:`\bar g \, (1 + 0.02 z)`, with the session's mean gap :math:`\bar g` and
      :math:`z \sim N(0, 1)`.

    Examples
    --------
    >>> from seqrec.datasets import make_fraud_log
    >>> log = make_fraud_log(200, 0.05, random_state=0)
    >>> log.groupby("kind")["session_id"].nunique().to_dict()
    {'': 190, 'burst': 2, 'odd amount': 2, 'regular bot': 2, 'skipped step': 2, 'take-over': 2}

    Its numbers and categories are fields of the sequences' events:

    >>> from seqrec import Sequences
    >>> columns = ["amount", "channel"]
    >>> Sequences.from_frame(log, user="session_id", item="event", columns=columns).columns.keys()
    dict_keys(['amount', 'channel'])
    """
    n_sessions = check_integer(n_sessions, "n_sessions")
    n_accounts = check_integer(n_accounts, "n_accounts")
    n_fraud = round(_check_rate(fraud_rate) * n_sessions)
    account_rng, normal_rng, fraud_rng = generator(random_state).spawn(3)

    accounts, owner = _accounts(n_accounts, n_sessions, account_rng)
    start = np.sort(account_rng.integers(0, PERIOD, n_sessions))
    kind = np.full(n_sessions, "", dtype=object)
    kind[fraud_rng.permutation(n_sessions)[:n_fraud]] = np.resize(KINDS, n_fraud)
    events = _play(_normal_plans(), owner, accounts, normal_rng)
    parts = [events[kind[events["session"]] == ""]]  # drawn for all sessions, so that no fraud changes another session
    for name in KINDS[:n_fraud]:
        sessions = np.flatnonzero(kind == name)
        fraud = _commit(name, owner[sessions], accounts, fraud_rng)
        parts.append(fraud.assign(session=sessions[fraud["session"]]))
    return _as_log(pd.concat(parts), start, owner, kind)


def _check_rate(value: Any) -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise InputError(f"fraud_rate must be a number, got {show(value)} ({type(value).__name__}).")
    if not 0 <= float(value) <= 1:
        raise InputError(f"fraud_rate must be between 0 and 1, got {show(value)}. It is a share of the sessions.")
    return float(value)


def _accounts(n_accounts: int, n_sessions: int, rng: np.random.Generator) -> tuple[_Accounts, NDArray[np.intp]]:
    """Accounts, and the account of each session: (n_sessions,)."""
    pace, level = rng.lognormal(0, ACCOUNT_SPREAD, (2, n_accounts))
    accounts = _Accounts(pace, level, rng.dirichlet(PREFERENCE, n_accounts))
    activity = rng.lognormal(0, 0.6, n_accounts)
    return accounts, rng.choice(n_accounts, n_sessions, p=activity / activity.sum())


def _normal_plans() -> list[_Plan]:
    plans = [
        _plan(0.12, LOOK, affinity=(1, 4, 0.5)),
        _plan(0.10, _settings(), affinity=(8, 0.5, 0.2)),
        _plan(0.10, DISPUTE, affinity=(2, 1, 6)),
    ]
    for payee, share in PAYEES.items():
        for task in TASKS:
            plans.append(_plan(0.10 * share, _payment(task, payee)))
            plans.append(_plan(0.06 * share, _payment(task, payee), _settings(), affinity=(8, 0.5, 0.2)))
        for (first, second), (other, chance) in [(pair, item) for pair in PAIRS for item in PAYEES.items()]:
            plans.append(_plan(0.066 * share * chance, _payment(first, payee), _payment(second, other)))
    return plans


def _fraud_plans(kind: str) -> list[_Plan]:
    if kind == "take-over":
        return [_plan(1, _settings(CHANGES[::-1]), _payment(task, "new"), affinity=(0, 1, 0)) for task in TASKS]
    if kind == "skipped step":
        return [_plan(1, _payment(task, "new", confirmed=False)) for task in TASKS]
    return [plan for plan in _normal_plans() if _step("check payment") in plan.steps]


def _plan(weight: float, *parts: Sequence[_Step], affinity: tuple[float, float, float] = (2, 4, 0.5)) -> _Plan:
    steps = [step for part in (LOG_IN, *parts, LOG_OUT) for step in part]
    return _Plan(weight, tuple(steps), affinity)


def _settings(changes: Sequence[_Step] = CHANGES) -> list[_Step]:
    return [_step("open settings"), *changes, _step("read message", 0.5), _step("view balance", 1, 0.2)]


def _payment(task: str, payee: str, confirmed: bool = True) -> list[_Step]:
    begin, amount, end = TASKS[task]
    # People add a payee for later and pay another, or look for one in vain and add it: only the last counts.
    payees = ("choose payee", "add payee") if payee == "new" else ("add payee", "choose payee")
    code = [_step("confirm code", 1, 0.1)] if payee == "new" and confirmed else []
    return [
        begin,
        _step(payees[0], 0.3),
        _step(payees[1]),
        _step("view balance", 0.5),
        _step("view history", 1, 0.4),
        _step("fill in payment", 1, 0.2),
        _step("check payment"),
        *code,
        _step("pay", amount=amount),
        end,
    ]


def _commit(kind: str, owner: NDArray[np.intp], accounts: _Accounts, rng: np.random.Generator) -> pd.DataFrame:
    """Events of n sessions of fraud of a kind, as of :func:`_play`."""
    events = _play(_fraud_plans(kind), owner, accounts, rng)
    if kind == "burst":
        events["gap"] = _rush(events, rng)
    elif kind == "odd amount":
        events["amount"] = _misjudge(events, accounts.level[owner], rng)
    elif kind == "regular bot":
        mean = events["gap"].where(events["gap"] > 0).groupby(events["session"]).transform("mean")
        events["gap"] = mean.where(events["gap"] > 0, 0) * rng.normal(1, IRREGULARITY, len(events))
    return events


def _rush(events: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
    """Shorten gaps in a row, at a uniform place in each session: (n_events,)."""
    session = events.groupby("session")["gap"]
    begins = rng.integers(1, session.size() - RUSH_LENGTH + 1)
    past = session.cumcount() - begins[events["session"]]
    return events["gap"].where((past < 0) | (past >= RUSH_LENGTH), events["gap"] / RUSH)


def _misjudge(events: pd.DataFrame, level: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Replace the last amount of each session by one far from what its task asks for: (n_events,)."""
    amount = events["amount"].to_numpy(copy=True)
    last = events.loc[amount > 0].drop_duplicates("session", keep="last")
    side = np.where(last["median"] > TYPICAL_AMOUNT, -1, 1)
    oddity = side * rng.uniform(*ODDITY, len(last))
    amount[last.index] = level[last["session"]] * last["median"] * np.exp(AMOUNT_SPREAD * oddity)
    return amount


def _play(plans: Sequence[_Plan], owner: NDArray, accounts: _Accounts, rng: np.random.Generator) -> pd.DataFrame:
    """Draw sessions of given accounts: `session`, `code`, `gap` before the event, `median` and `amount`, `channel`."""
    weight, affinity = np.array([plan.weight for plan in plans]), np.array([plan.affinity for plan in plans])
    choice = rng.choice(len(plans), len(owner), p=weight / weight.sum())
    channel = choose(accounts.preference[owner] * affinity[choice], rng)
    session, code, median = _interrupt(*_unroll(plans, choice, rng), rng)
    account, n_events = owner[session], len(session)
    usual = np.array(list(EVENTS.values()))[code] * np.where(np.diff(code, prepend=-1) == 0, REPEAT, 1)
    gap = accounts.pace[account] * usual * rng.lognormal(0, GAP_SPREAD, n_events)
    gap[_first_events(session)] = 0
    amount = accounts.level[account] * median * rng.lognormal(0, AMOUNT_SPREAD, n_events)
    columns = {"session": session, "code": code, "gap": gap, "median": median, "amount": amount}
    return pd.DataFrame({**columns, "channel": channel[session]})


def _unroll(plans: Sequence[_Plan], choice: NDArray, rng: np.random.Generator) -> tuple[NDArray, NDArray, NDArray]:
    """Session, event and median amount of each event of sessions whose plans are given: three of (n_events,)."""
    steps = [step for plan in plans for step in plan.steps]
    chance, again = np.array([(step.chance, step.again) for step in steps]).T
    codes = np.array([CODES[event] for step in steps for event in step.events])
    medians = np.array([step.amount for step in steps])

    lengths = np.array([len(plan.steps) for plan in plans])
    sizes = np.array([len(step.events) for step in steps])
    session = np.repeat(np.arange(len(choice)), lengths[choice])
    step = _ranges(lengths, choice)
    times = np.where(rng.random(len(step)) < chance[step], rng.geometric(1 - again[step]), 0)
    session, step = np.repeat(session, times), np.repeat(step, times)
    return np.repeat(session, sizes[step]), codes[_ranges(sizes, step)], np.repeat(medians[step], sizes[step])


def _interrupt(session: NDArray, code: NDArray, median: NDArray, rng: np.random.Generator) -> tuple[NDArray, ...]:
    """Slip interludes in: three of (n_events,)."""
    interrupted = rng.random(len(session)) < INTERLUDE
    interrupted[_first_events(session)] = False
    before = np.flatnonzero(interrupted)
    interlude = rng.choice([CODES[event] for event in INTERLUDES], len(before), p=list(INTERLUDES.values()))
    return np.insert(session, before, session[before]), np.insert(code, before, interlude), np.insert(median, before, 0)


def _as_log(events: pd.DataFrame, start: NDArray[np.int64], owner: NDArray[np.intp], kind: NDArray) -> pd.DataFrame:
    events = events.sort_values("session", kind="stable")
    session = events["session"].to_numpy()
    elapsed = np.cumsum(np.ceil(events["gap"].to_numpy() * 1_000).astype(np.int64))
    time = start[session] + elapsed - elapsed[_first_events(session)][session]
    in_time = np.argsort(time, kind="stable")
    events, session = events.iloc[in_time], session[in_time]
    return pd.DataFrame(
        {
            "session_id": ids("s", len(start))[session],
            "account_id": ids("a", owner.max() + 1)[owner[session]],
            "event": np.array(list(EVENTS), dtype=object)[events["code"]],
            "timestamp": EPOCH + time[in_time].astype("timedelta64[ms]"),
            "amount": np.round(events["amount"].to_numpy(), 2),
            "channel": np.array(CHANNELS, dtype=object)[events["channel"]],
            "is_fraud": kind[session] != "",
            "kind": kind[session],
        }
    )


def _ranges(lengths: NDArray[np.intp], choice: NDArray[np.intp]) -> NDArray[np.intp]:
    """Members of the chosen groups, where groups of these lengths lie one after the other."""
    starts, chosen = np.cumsum(lengths) - lengths, lengths[choice]
    return np.arange(chosen.sum()) + np.repeat(starts[choice] - (np.cumsum(chosen) - chosen), chosen)


def _first_events(session: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.flatnonzero(np.diff(session, prepend=-1))
