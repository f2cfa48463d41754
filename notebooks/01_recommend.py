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
# # Recommend what comes next
#
# You have a log: who, what, when. At the end of this page you have a recommender, you know how good it is and by how
# much it beats simple counting, and you can say why it recommends what it does.
#
# The log here is that of a made-up streaming service, in which the mood of an evening decides where each genre leads
# next. Yours goes in the same way: three columns of a pandas, polars or pyarrow frame.

# %%
import tempfile
from pathlib import Path

import pandas as pd
from sklearn.model_selection import GridSearchCV, cross_val_score

import seqrec
from seqrec.datasets import make_catalogue, make_interactions
from seqrec.metrics import bootstrap_difference, bootstrap_interval, coverage, hit_rate, ndcg

log = make_interactions(n_users=1_500, n_items=300, n_events=75_000, random_state=0)
catalogue = make_catalogue(300).set_index("item_id")
titles = catalogue["title"] + " (" + catalogue["genre"] + ")"
log.head(3)

# %% [markdown]
# ## From a log to a question
#
# `Sequences` puts each user's events in the order of time. If your columns have other names, say so: `from_frame(log,
# user="customer", item="sku", timestamp="bought_at")`. Then each user's last event is hidden. It is the question that
# every recommender has to answer.

# %%
sequences = seqrec.Sequences.from_frame(log)
history, target = seqrec.leave_last_out(sequences)
history

# %% [markdown]
# ## Four answers, judged alike
#
# Counting takes less than a second, so look what it can do before you train anything. The baselines have the interface
# of the LSTM. Each ranks the *whole* catalogue for every user, without what the user has seen; a hit (HR@10) is a
# hidden event among the first ten, and NDCG@10 gives more for a better place. In brackets are 95 % bootstrap intervals
# over users.

# %%
recommenders = {
    "popularity": seqrec.PopularityRecommender(),
    "Markov chain": seqrec.MarkovRecommender(),
    "sequential rules": seqrec.SequentialRulesRecommender(),
    "LSTM": seqrec.LSTMRecommender(max_epochs=8, verbose=False, random_state=0),
}


def with_interval(values):
    return "{:.3f} ({:.3f} to {:.3f})".format(*bootstrap_interval(values, random_state=0))


gains, table = {}, {}
for name, recommender in recommenders.items():
    ranks = recommender.fit(history).rank(history, target)
    items, _ = recommender.recommend(history, k=10)
    gains[name] = ndcg(ranks, k=10)
    table[name] = {
        "HR@10": with_interval(hit_rate(ranks, k=10)),
        "NDCG@10": with_interval(gains[name]),
        "coverage": f"{coverage(items, len(recommender.vocabulary_)):.2f}",
    }

lead = bootstrap_difference(gains["LSTM"], gains["Markov chain"], random_state=0)
print("The LSTM is ahead of the Markov chain by {:.3f} NDCG@10 ({:.3f} to {:.3f}).".format(*lead))
pd.DataFrame(table).T

# %% [markdown]
# Coverage is the share of the catalogue that is recommended to somebody: a reminder that more hits need not mean more
# varied lists. And an LSTM need not win. Where the next event depends on the last one alone, as in some process logs of
# `docs/benchmarks.md`, the Markov chain is as good or better; then take the Markov chain.
#
# ## Ask for anybody
#
# `recommend` takes any history. Nobody needs to be known: a new visitor is a list of items, and nothing is trained
# again. `similar_items` compares what the network has learned of each item.

# %%
lstm = recommenders["LSTM"]
user = history[[54]]  # by position, as rows of an array
visitor = ["i00000", "i00001", "i00006"]  # two episodes of The Silent Harbour, and The Golden Garden
items, scores = lstm.recommend(user, k=5)
for_visitor, _ = lstm.recommend([visitor], k=5)
similar, _ = lstm.similar_items("i00001", k=5)

print(f"User {user.keys[0]} watched {user.lengths[0]} titles; the last three are")
print(*titles[user[0][-3:]], sep=", ")
print(f"and the next, which is hidden, is {titles[target[54]]}.")
columns = {"for the user": items[0], "for a new visitor": for_visitor[0], f"like {titles['i00001']}": similar}
pd.DataFrame({name: titles[column].to_numpy() for name, column in columns.items()}, index=range(1, 6))

# %% [markdown]
# ## Why?
#
# `explain` leaves each event out of the history in turn and asks again. The `effect` is what the event has added to the
# logarithm of the item's probability, in nats: 0.7 means that it has doubled the probability, -0.7 that it has halved
# it. Here are the user's latest events, and what they did for the first three recommendations.

# %%
effects = lstm.explain(user, k=3)
by_event = effects.pivot_table(index=["position", "event"], columns="item", values="effect")[items[0, :3]]
by_event.tail(6).round(2).rename(titles.to_dict(), level="event").rename(columns=titles.to_dict())

# %% [markdown]
# The last title says most, and the one before it still has a say: the two together tell the mood of this evening. A
# Markov chain, which looks at the last event alone, cannot hear it.
#
# ## Choose settings, keep the model
#
# It is all scikit-learn: histories are `X`, next items are `y`, and whole users are held out. A baseline is tried in
# seconds; put `LSTMRecommender` in its place when you have the minutes. These scores are lower than those above, since
# `score` does not leave out what was seen. A saved model is data, never code: loading one runs nothing that its sender
# wrote.

# %%
split = seqrec.UserSplit(n_splits=3, random_state=0)
scores = cross_val_score(seqrec.MarkovRecommender(), history, target, cv=split)
rules = GridSearchCV(seqrec.SequentialRulesRecommender(), {"window": [1, 3, 10]}, cv=split)
rules.fit(history, target)
print(f"NDCG@10 of the Markov chain: {scores.mean():.3f}")
print(f"NDCG@10 of sequential rules: {rules.best_score_:.3f}, with {rules.best_params_}")

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "shop.seqrec"
    seqrec.save(lstm, path)
    loaded, size = seqrec.load(path), path.stat().st_size / 2**20
same = (loaded.recommend(user, k=5)[0] == items).all()
print(f"{path.name} has {size:.1f} MiB and gives {'the same' if same else 'other'} recommendations.")

# %% [markdown]
# Next: [find what is odd](02_detect_fraud.ipynb), by the same idea; [explore a model](03_explore.ipynb) by hand; [score
# logs every night](04_score_logs.ipynb) from the command line; [how an LSTM remembers](05_how_an_lstm_remembers.ipynb);
# [let a model go on](06_generate.ipynb).
