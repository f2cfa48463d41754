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
# # Look before you trust
#
# A score alone convinces nobody. Here you open up two fitted models: one recommends, one finds what is odd. You
# change a history and watch the recommendations follow, and you see which events are the reason. Then you draw the
# line between usual and odd yourself, and read why each alert was raised.
#
# The widgets are alive in JupyterLab and Voilà (`pip install "seqrec[jupyter]"`). Where this page is only read, such
# as on a code host, a table stands in for each. All of them work with the keyboard alone.

# %%
import seqrec
from seqrec import LSTMAnomalyDetector, LSTMRecommender, MarkovRecommender, Sequences, leave_last_out
from seqrec.datasets import make_catalogue, make_fraud_log, make_interactions
from seqrec.explore import AnomalyExplorer, GateInspector, ItemMap, ModelComparison, RecommendationExplorer

views = Sequences.from_frame(make_interactions(n_users=1_500, n_items=200, n_events=60_000, random_state=0))
titles = make_catalogue(200)[["item_id", "title", "genre"]]
history, target = leave_last_out(views)
lstm = LSTMRecommender(units=128, random_state=0, verbose=False).fit(history)
markov = MarkovRecommender().fit(history)

# %% [markdown]
# ## Why is this recommended?
#
# A streaming service, two models side by side. Pick a user, choose a recommendation, and read under *Why* which events
# moved it up or down. Then remove the event that mattered most, or add a film: the lists follow at once.
#
# All that you see is also there as a frame, such as `explorer.reasons`. An `effect` is what the event adds to the
# logarithm of the item's probability: it was left out, and all was computed again. So +0.69 means twice as likely.

# %%
explorer = RecommendationExplorer({"LSTM": lstm, "Markov": markov}, history, items=titles)
explorer

# %%
explorer.reasons.sort_values("effect", key=abs, ascending=False).head(5)

# %% [markdown]
# ## What does the model hold to be alike?
#
# Each dot is a film, and films that lie close are watched in like histories; nobody told the model a genre. Draw a
# lasso (hold Shift) and take the films in it as a frame: `films.selected`. Map and explorer share the film in focus.

# %%
from ipywidgets import link

films = ItemMap(lstm, items=titles, color="genre")
linked = link((explorer, "item"), (films, "item"))
films

# %% [markdown]
# ## Is it better than counting?
#
# The last film of every user was hidden. An interval that excludes 0 is a difference beyond chance.

# %%
popularity = seqrec.PopularityRecommender().fit(history)
ModelComparison.of({"LSTM": lstm, "Markov": markov, "popularity": popularity}, history, target, k=10)

# %% [markdown]
# ## Why is this odd?
#
# A bank this time. The detector learned from sessions without fraud; the log to judge has some planted, of which it is
# told nothing. Drag the line; the labels, given here only to check, show what that does to precision and recall.

# %%
bank = {"user": "session_id", "item": "event", "columns": ["amount", "channel"]}
normal = Sequences.from_frame(make_fraud_log(3_000, fraud_rate=0, random_state=1), **bank)
log = make_fraud_log(1_000, fraud_rate=0.05, random_state=2)
sessions = Sequences.from_frame(log, **bank)
is_fraud = log.groupby("session_id")["kind"].first().loc[sessions.keys].to_numpy() != ""
detector = LSTMAnomalyDetector(n_folds=1, units=64, max_epochs=12, random_state=0, verbose=False).fit(normal)
alerts = AnomalyExplorer(detector, sessions, labels=is_fraud, normal=normal, sequences_per_day=1_000)
alerts

# %%
alerts.mark("confirmed")  # the one that is open; in the widget: press c
alerts.flagged.head(5)

# %% [markdown]
# ## What did the network keep in mind?
#
# The session that is open above, gate by gate: where the forget gate is deep blue, a unit holds on to what it knows.

# %%
gates = GateInspector(detector, sessions)
follows = link((alerts, "sequence"), (gates, "sequence"))
gates

# %% [markdown]
# ## Take it with you
#
# What you flagged, ticked and marked comes back as frames (`alerts.flagged`, `.selected`, `.marks`), and
# `alerts.apply_threshold()` makes your line the detector's own.
#
# Next: [04_score_logs](04_score_logs.ipynb) does this every night, on logs larger than memory, and
# [05_how_an_lstm_remembers](05_how_an_lstm_remembers.ipynb) looks deeper into the gates;
# [06_generate](06_generate.ipynb) lets a model go on: as text, as a tune, as a log. Before:
# [01_recommend](01_recommend.ipynb) and [02_detect_fraud](02_detect_fraud.ipynb) build such models step by step.
