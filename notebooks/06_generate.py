# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What has it learned? Let it go on
#
# A sequence model knows how likely each event is to come next. So draw one, let it be the past, and draw another. What
# comes of it is a text, a tune or a log, whatever the events were; and if you draw many, you see what the future may
# hold. At the end of this page you have read what a network writes, heard what it composes, shared a log in which
# nobody exists, and told with which chance a customer cancels.
#
# All data here is made by formulae, so much of the truth is known, and each part is held against it. Networks and logs
# are small, with settings for a quick fit: the whole page takes about two minutes on two cores.

# %%
import tempfile
from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.linalg import expm
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from seqrec import LSTMGenerator, NGramGenerator, Sequences, futures, music
from seqrec.datasets import make_fraud_log, make_melodies, make_text
from seqrec.explore import GeneratorPlayground

plt.rcParams["figure.dpi"] = 90
settings = {"learning_rate": 0.01, "dropout": 0.0, "verbose": False, "random_state": 0}

# %% [markdown]
# ## A text
#
# A text is a sequence of words and signs, and the network is told nothing of grammar. To write such a story it has to
# stay with its farm, sea or court, to close what it opens, and to let "the king of those hens ... sees" agree over
# all that stands between. How well it does is measured on stories that it did not learn from: the mean of `-log2 p`
# of a word, in bits. The grammar that drew the stories has the last word: nobody can be expected to have fewer.

# %%
stories = make_text(3_150, random_state=0)
print(stories["text"][6], "\n")

X = Sequences.from_texts(stories["text"], unit="word")
learned, held_out = X[:3_000], X[3_000:]
writers = {f"{order}-grams": NGramGenerator(order=order) for order in (2, 4, 7)}
writers["LSTM"] = LSTMGenerator(units=64, max_epochs=8, **settings)

bits = {name: writer.fit(learned).bits_per_event(held_out) for name, writer in writers.items()}
bits["the grammar"] = -stories["log_likelihood"][3_000:].sum() / (held_out.n_events + len(held_out)) / np.log(2)
for name, writer in writers.items():
    print(f"{name + ':':9}", writer.sample(1, length=30, random_state=3).to_texts()[0])
copies = {"written": writers["LSTM"].sample(150, random_state=0), "held out": held_out}
for name, texts in copies.items():
    spans = writers["LSTM"].copied(texts, learned)
    print(
        f"{name}: half of the stories repeat {np.median(spans):.0f} words in a row or more, one of them {spans.max()}"
    )
pd.Series(bits, name="bits a word").to_frame().T.round(2)

# %% [markdown]
# Read the lines from above. N-grams have each few words right; but farm and sea meet in one sentence, and brackets
# open and close as they like. Longer n-grams hardly help: what they would have to count, they have not seen. The LSTM
# stays with its farm, and is within 2 % of the grammar. It is not without fault: "A pig." is no sentence.
#
# And does it write, or recite? `copied` gives the longest span of each story that stands, word by word, in one that
# was learned from. Held-out stories have such spans too, as the grammar says some things again and again. So theirs
# are what to compare with, and here there is no difference to speak of.
#
# ## A tune
#
# Music goes the same way: the notes of a frame from high to low, and then `|`, its end. These tunes have a form. A
# question is asked and answered, another question is asked, and the same answer comes again. The answer follows from
# the first question, so whoever remembers that needs no bits for it. Here it is the melody alone, and all are in C
# major: chords and keys want more time ([text and music](../docs/how_to/text_and_music.md)).

# %%
tunes = make_melodies(24_000, random_state=0)  # in all keys
melodies = [[frame[:1] for frame in frames] for frames in tunes.loc[tunes["key"] == "C major", "frames"]]
X = music.from_pianorolls(melodies)
learned, held_out = X[:-100], X[-100:]
composers = {"7-grams": NGramGenerator(order=7), "LSTM": LSTMGenerator(units=96, max_epochs=24, **settings)}

frame = np.concatenate([np.cumsum(tune == "|") - (tune == "|") for tune in held_out])
phrases = {0: "a question", 1: "its answer", 2: "another question", 3: "the answer again"}  # of eight frames each
phrase = pd.Series(frame // 8).map(phrases)
bits = {}
for name, composer in composers.items():
    bits[name] = pd.Series(composer.fit(learned).surprisal(held_out) / np.log(2)).groupby(phrase).mean()

composed = composers["LSTM"].sample(4, random_state=0)
figure, axes = plt.subplots(2, 1, figsize=(9, 4), layout="constrained", sharex=True)
shown = {"drawn by the formula": held_out[1], "composed by the LSTM": composed[0]}
for ax, (name, tune) in zip(axes, shown.items(), strict=True):
    roll = music.to_pianorolls(Sequences.from_lists([tune.tolist()]))[0]
    ax.pcolormesh(np.ma.masked_equal(roll.T, 0), cmap="Blues", vmin=0, vmax=1.3)
    ax.set(title=name, ylabel="note", ylim=(71, 86), yticks=[72.5, 79.5, 84.5], yticklabels=["C5", "G5", "C6"])
    ax.grid(axis="x")
axes[-1].set(xlabel="frame", xticks=range(0, 33, 8))
plt.show()
pd.DataFrame(bits).T[list(phrases.values())].round(2)

# %% [markdown]
# To n-grams an answer is as new as a question. The LSTM needs half of the bits for it, and not none: it does remember,
# after so short a training, but not yet every note. In the lower tune, the answer begins as its question did; the other
# question is another; and the answer comes again.
#
# Here is a question, eight frames long; press play, and hear how the network answers. The playground also shows what
# could come next: take another note, turn the temperature, and hear what follows. It shows text as text and a log as
# rows, and works with the keyboard alone. (Where this page is only read, a table stands in for it.)

# %%
if find_spec("mido"):  # pip install "seqrec[music]"
    with tempfile.TemporaryDirectory() as folder:
        files = music.to_midi(composed, folder, step=0.5)  # for any player: a frame is an eighth note
        print(*(f"{path.name}: {path.stat().st_size} bytes" for path in files), sep="\n")
playground = GeneratorPlayground(composers["LSTM"], held_out.head(16))
playground.temperature = 0.5  # below 1: the likely becomes likelier
playground

# %% [markdown]
# ## A log that can be shared
#
# A real log cannot be given to a supplier or a student; one that is drawn can. This one is a bank's, in which events
# have times, amounts and channels. All of these are drawn with the events, each given all before it.
#
# Is it like the real one? Look at the figure, and then let a classifier tell drawn sessions from real ones that no
# generator has seen, by what they hold: which event after which, how fast, for how much. AUROC 0.5 is guessing.

# %%
names = {"user": "session_id", "item": "event"}
log = make_fraud_log(3_000, fraud_rate=0, random_state=1)
sessions = Sequences.from_frame(log, **names, columns=["amount", "channel"])
events = Sequences.from_frame(log, **names)  # n-grams read no more
real, unseen = sessions[::2], sessions[1::2]
banks = {f"{order}-grams": NGramGenerator(order=order).fit(events[::2]) for order in (2, 7)}
banks["LSTM"] = LSTMGenerator(units=64, max_epochs=20, **settings).fit(real)
drawn = {name: bank.sample(len(unseen), random_state=0) for name, bank in banks.items()}


def features(X, with_fields):
    """Tell of each session how often an event followed another, and perhaps its times, amounts and channel."""
    log = X.to_frame("session", "event", "time").reset_index(drop=True)
    sessions = log.groupby("session")
    following = sessions["event"].shift(-1, fill_value="(end)")
    told = [pd.crosstab(log["session"], log["event"] + " > " + following)]
    if with_fields:
        log["gap"] = sessions["time"].diff().dt.total_seconds()
        told += [log.groupby("session")[["gap", "amount"]].agg(["min", "median", "max", "std"])]
        told += [pd.get_dummies(sessions["channel"].first())]
    return pd.concat(told, axis=1).rename(columns=str)


def auroc(X, with_fields):
    """How well a classifier that has learned from half of the sessions tells the others apart."""
    both = pd.concat([features(unseen, with_fields), features(X, with_fields)]).fillna(0)
    is_drawn, half = np.repeat([0, 1], [len(unseen), len(X)]), np.arange(len(both)) % 2 == 0
    classifier = RandomForestClassifier(300, min_samples_leaf=3, random_state=0).fit(both[half], is_drawn[half])
    return roc_auc_score(is_drawn[~half], classifier.predict_proba(both[~half])[:, 1])


told_apart = {name: auroc(X, False) for name, X in drawn.items()}
told_apart["LSTM, by times, amounts and channels too"] = auroc(drawn["LSTM"], True)
drawn["LSTM"].to_frame("session", "event", "time").head(6)

# %%
logs = {name: X.to_frame("session", "event", "time") for name, X in {"real": unseen, "drawn": drawn["LSTM"]}.items()}
figure, axes = plt.subplots(1, 4, figsize=(12, 3), layout="constrained")
for (name, log), style in zip(logs.items(), ({"color": "lightgrey"}, {"histtype": "step", "color": "C0"}), strict=True):
    gap = log.groupby("session")["time"].diff().dt.total_seconds()
    axes[0].hist(log.groupby("session").size(), bins=range(0, 46, 2), label=name, **style)
    axes[1].hist(gap, bins=np.geomspace(0.1, 500, 40), label=name, **style)
    axes[2].hist(log.loc[log["amount"] > 0, "amount"], bins=np.geomspace(5, 4_000, 40), label=name, **style)
shares = pd.DataFrame(
    {
        name: (log["event"] + log.groupby("session")["event"].shift(-1)).value_counts(normalize=True)
        for name, log in logs.items()
    }
).fillna(1e-5)
axes[3].loglog(shares["real"], shares["drawn"], ".", alpha=0.4)
axes[3].axline((1e-4, 1e-4), (0.1, 0.1), color="grey", linewidth=0.8)
axes[0].set(title="Events of a session")
axes[1].set(title="Gaps, seconds", xscale="log")
axes[2].set(title="Amounts, euros", xscale="log")
axes[3].set(title="An event after another", xlabel="share, real", ylabel="share, drawn")
axes[0].legend()
plt.show()
pd.Series(told_apart, name="AUROC").to_frame().round(2)

# %% [markdown]
# Gaps agree, from clicks to minutes, and so does what follows what, down to one in a thousand; on the edges are what
# only one of the logs has, all of it rare. Amounts have their humps, of which the two lowest run into each other, and
# some drawn sessions are too long. The table is sterner than the eye: a classifier still finds something, though less
# than in what n-grams draw; and times, amounts and channels, which these lack, hardly give more away.
#
# ## Who will cancel, and when?
#
# Draw how a customer goes on, a thousand times, and count: that is the chance of anything, within any time, and no
# table of features and labels has to be made. Here are customers who watch, call support, and cancel. A first call
# seldom ends in a cancellation, another one mostly does; and some leave without a word. The log stops one day, whoever
# is still there. As all of this was made by a formula, the true chance can be computed, too.

# %%
LEAVES, GAP = 0.03, 3.0  # chance to leave without a word after an event, and mean days to the next one
EVENTS = ["watch", "call support", "watch", "call support", "cancel"]  # twice: before and at a first call, and after
NEXT = np.array([[0.8, 0.2, 0, 0, 0], [0, 0, 0.9, 0, 0.1], [0, 0, 0.8, 0.2, 0], [0, 0, 0.4, 0, 0.6]])
START, TODAY = pd.Timestamp("2026-01-01"), pd.Timestamp("2026-05-01")


def make_customers(n_customers, random_state):
    """Draw a log of customers who join in the first hundred days, until today, and the state of each at its end."""
    rng, rows, states = np.random.default_rng(random_state), [], []
    for customer in range(n_customers):
        state, day = 0, rng.uniform(0, 100)
        while day < (TODAY - START).days:
            last = state
            rows.append((customer, EVENTS[state], START + pd.Timedelta(days=day)))
            if state == 4 or rng.random() < LEAVES:
                break
            state, day = rng.choice(5, p=NEXT[state]), day + rng.exponential(GAP)
        states.append(last)
    return Sequences.from_frame(pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])), np.array(states)


def truth(state, quiet, days):
    """Give the true chance that a customer who was quiet for so many days cancels within so many more."""
    rates = np.zeros((5, 5))
    rates[:4] = (NEXT * [*[1 - LEAVES] * 4, 1] - np.eye(4, 5)) / GAP
    is_there = (1 - LEAVES) * np.exp(-quiet / GAP)
    return is_there / (is_there + LEAVES) * expm(rates * days)[state, 4]


customers, _ = make_customers(4_000, random_state=0)
generator = LSTMGenerator(units=32, max_epochs=20, **settings).fit(customers)

cases = {
    "never called": [0] * 6,
    "has called": [0] * 5 + [1],
    "has called again": [0, 0, 1, 2, 2, 3],
    "quiet for ten days": [0] * 6,
}
asked = Sequences.from_lists(
    [[EVENTS[state] for state in states] for states in cases.values()],
    timestamps=[START + pd.to_timedelta(3 * np.arange(6), "D")] * 4,
)
quiet = np.array([0, 0, 0, 10])
days = np.array([1, 3, 7, 14, 21, 30, 45, 60])
spans = list(pd.to_timedelta(days, "D"))
at = START + pd.to_timedelta(15 + quiet, "D")
told = futures.chance(generator, asked, "cancel", within=spans, at=at, random_state=0)

others, states = make_customers(300, random_state=1)  # whom the network has not seen, as of today
others, states = others[states < 4], states[states < 4]
last = others.timestamps[others.indptr[1:] - 1]
in_30_days = futures.chance(generator, others, "cancel", within=spans[5], at=TODAY, n_paths=200, random_state=0)
known = np.array(
    [truth(*one, 30) for one in zip(states, (TODAY - pd.DatetimeIndex(last)) / pd.Timedelta("1D"), strict=True)]
)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for number, (case, states_of) in enumerate(cases.items()):
    one = told[told["sequence"] == number]
    left.errorbar(days, one["chance"], 2 * one["standard_error"], fmt="o", color=f"C{number}", label=case)
    curve = np.linspace(0, 60, 61)
    left.plot(curve, [truth(states_of[-1], quiet[number], day) for day in curve], color=f"C{number}")
left.set(title="Chance to cancel: told (dots) and true (lines)", xlabel="within days", ylabel="chance")
figure.legend(loc="outside lower center", ncols=4)
right.plot(known, in_30_days["chance"], ".", alpha=0.5)
right.axline((0, 0), slope=1, color="grey", linewidth=0.8)
right.set(title=f"{len(known)} new customers, within 30 days", xlabel="true chance", ylabel="told")
plt.show()
off, of_mean = np.abs(in_30_days["chance"] - known).mean(), np.abs(known - known.mean()).mean()
print(f"Off by {off:.3f} on average; telling everybody the mean would be off by {of_mean:.3f}.")

# %% [markdown]
# A customer who never called is in no danger tomorrow, and may be in two months; after another call it is a matter of
# days. Nobody told the network that the number of calls matters: a table of the last event would not hold it. Ten quiet
# days say that a customer has probably left without a word, so a cancellation becomes less likely, not more. The bars
# are two standard errors of drawing. What is off beyond them is the network: it holds a first call for more dangerous
# in the next days than it is. On the right, most customers are long gone, and told so; among those who are not,
# chances near one half are told a few points too low.
#
# ## What to take along
#
# - **Count first.** `NGramGenerator` takes a second, and its `bits_per_event` says whether a network is worth its
#   minutes. A network is, where what comes next hangs on what was long ago, or on times and amounts.
# - **Judge by what is held out**, in bits; read samples for pleasure. Nobody sees from a sample what is missing in it.
# - **Ask `copied` before you share**, and leave out columns that name persons. The
#   [guide](../docs/guide/generate.md) says what a synthetic log protects, and what not.
# - **A chance is that of the model.** You have no formula to hold it against: leave out the last month of your log,
#   ask for it, and see how many of those who were told 20 % did cancel.
#
# Before: [recommend](01_recommend.ipynb), [find what is odd](02_detect_fraud.ipynb), [explore a
# model](03_explore.ipynb), [score logs](04_score_logs.ipynb), [how an LSTM
# remembers](05_how_an_lstm_remembers.ipynb).
