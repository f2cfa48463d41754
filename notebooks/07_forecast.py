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
# # How much will it be? Intervals that hold
#
# A log says how much was asked for in each hour, so it can say how much will be. A number alone is a poor answer to
# that: who buys for tomorrow wants to know how much it may be, too. At the end of this page you have counted demand
# out of a log, forecast it with intervals, judged the forecast beside what needs no network, asked for a whole week's
# sum, and learned what of prices can be forecast, and what not.
#
# All data here is made by formulae, so what a forecast can reach is known. The network is small, with settings for a
# quick fit: the page takes a minute or two on two cores.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from seqrec import LSTMForecaster, NaiveForecaster, Sequences

plt.rcParams["figure.dpi"] = 90
settings = {"units": 32, "n_networks": 1, "max_steps": 300, "verbose": False, "random_state": 0}

# %% [markdown]
# ## Demand, out of a log
#
# This is the log of a chain of cafés: who had what, and when. Each item has its hours and its days of the week, and
# some have become dearer to people in these ten weeks. Customers come by chance: the number of an hour is Poisson,
# about a rate that the formula tells.
#
# `counts` makes series of it: one for each item, one value for each hour, 0 where nobody came. They are `Sequences`
# without items. The last hour may be incomplete, so it is left out; here the log ends at a full one.

# %%
ITEMS, WEEKS, START = ["cake", "coffee", "juice", "salad", "soup", "tea"], 10, pd.Timestamp("2026-01-05")
PEAK, LEVEL, GROWTH = [15, 8, 11, 13, 12, 16], [3, 12, 2, 4, 5, 6], [0.3, 0.0, 0.6, 0.2, -0.3, 0.0]


def rates(n_hours):
    """Expected number of each item in each hour, (n_items, n_hours)."""
    t = np.arange(n_hours)
    hour, day = t % 24, t // 24 % 7
    far = np.abs((hour - np.array(PEAK)[:, None] + 12) % 24 - 12)
    week = np.where(day >= 5, [[1.5], [0.6], [1.2], [0.5], [0.7], [1.3]], 1.0)
    trend = np.exp(np.array(GROWTH)[:, None] * t / (WEEKS * 168))
    return np.array(LEVEL)[:, None] * np.exp(-((far / 3.5) ** 2)) * week * trend * (hour >= 7) * (hour < 20)


n_hours = WEEKS * 168
rate = rates(n_hours)
item, hour = np.nonzero(number := np.random.default_rng(0).poisson(rate))
of = np.repeat(np.arange(len(item)), number[item, hour])
moment = START + pd.to_timedelta(3600 * (hour[of] + np.random.default_rng(1).random(len(of))), unit="s")
log = pd.DataFrame({"user_id": np.arange(len(of)) % 997, "item_id": np.array(ITEMS)[item[of]], "timestamp": moment})

X = Sequences.from_frame(log).counts(every="1h", by="item")
past = X.between(0, X.lengths - 168)  # all but the last week
print(f"{len(log):,} events, {len(X)} series, {X.lengths[0]:,} hours from the first event on")
log.sort_values("timestamp").head(3)

# %% [markdown]
# ## Forecast, with intervals
#
# One network learns from all series together, up to a week before the end. `lower=0` says that nothing lies below.
# Seasons are found: a day and a week. `predict_interval` answers with the items' own names and times.

# %%
forecaster = LSTMForecaster(horizon=24, lower=0, **settings).fit(past)
told = forecaster.predict_interval(past, coverage=0.9, horizon=168)
print(
    f"step {forecaster.step_}, seasons {forecaster.season_lengths_}, starts from {forecaster.season_length_} steps ago"
)

came = X.to_frame("series").merge(told, on=["series", "timestamp"])
figure, axes = plt.subplots(1, 2, figsize=(11, 3.2), layout="constrained")
for ax, name in zip(axes, ["coffee", "juice"], strict=True):
    one = came[came["series"] == name]
    ax.fill_between(one["timestamp"], one["lower"], one["upper"], alpha=0.3, label="90 % interval")
    ax.plot(one["timestamp"], one["count"], ".", color="black", markersize=3, label="what came")
    ax.set(title=name, ylabel="an hour")
    ax.tick_params("x", rotation=30)
axes[0].legend(loc="upper right")
plt.show()
held = came["count"].between(came["lower"], came["upper"])
open_hours = came["timestamp"].dt.hour.between(7, 19)
print(f"of the values while it is open, {held[open_hours].mean():.0%} lie in their intervals")

# %% [markdown]
# The interval narrows at night and is wide at noon, as it should: a Poisson number of a high rate spreads more. The
# network was made for 24 steps and is asked for 168: beyond its horizon it goes on from its own medians.
#
# ## How good is that?
#
# `backtest` goes back in time: it forecasts each of the last windows from what came before it, and puts the naive
# lines beside it, with the same intervals. MASE 1 is as far off as a season before was; the pinball loss judges the
# whole distribution. Whoever knew the rate would have the last row.

# %%
errors = forecaster.backtest(X, windows=7)
table = errors.groupby("model")[["mase", "pinball", "coverage"]].mean()
day = np.abs(np.diff(number.reshape(6, -1, 24)[:, :-7], axis=1)).mean(axis=(1, 2))
table.loc["who knew the rate", "mase"] = (np.abs(number - np.floor(rate + 1 / 3))[:, -168:].mean(axis=1) / day).mean()
table.round(2)

# %% [markdown]
# ## A week's sum
#
# How much coffee will next week take? The sum of the hours' upper ends is no answer: not every hour is high at once.
# `sample` draws whole paths of what may come, in which hours hang together as they did before; sums of these are
# draws of the sum. The same works for anything that adds hours up: a day, or the hours above a limit.

# %%
paths = forecaster.sample(past, n=500, horizon=168, random_state=0)
sums = paths.groupby(["series", "path"])["count"].sum().groupby("series").quantile([0.05, 0.5, 0.95]).unstack()  # noqa: PD010
sums["what came"] = X.tail(168).to_frame("series").groupby("series")["count"].sum()
sums["sum of the upper ends"] = told.groupby("series")["upper"].sum()
sums.round(0).astype(int)

# %% [markdown]
# The medians are near, and what came lies well inside. The intervals are wider than they have to be: beyond the 24
# steps that the network was made for, it takes each day's error to add to those before. Who orders by the week makes
# it with `horizon=168`. The sum of the upper ends is out of all question.
#
# ## Prices
#
# And the stock market? These prices are random walks: each day's change is drawn anew, and owes nothing to those
# before. Only how much they move has a memory: calm months and wild ones take turns. (Real prices are much like this;
# what is left over is hard to find, and harder to keep.)

# %%
rng, n_days = np.random.default_rng(2), 1_500
calm = np.zeros((20, n_days))
for t in range(1, n_days):
    calm[:, t] = 0.98 * calm[:, t - 1] + 0.12 * rng.normal(size=20)
prices = 100 * np.exp(np.cumsum(0.01 * np.exp(calm) * rng.normal(size=calm.shape), axis=1))
days = pd.bdate_range("2020-01-01", periods=n_days)
frame = pd.DataFrame({"series": np.repeat(np.arange(20), n_days), "timestamp": np.tile(days, 20)})
prices = Sequences.from_frame(frame.assign(price=prices.ravel()), user="series", item=None, columns=["price"])

known = prices.between(0, prices.lengths - 200)
models = [LSTMForecaster(horizon=20, **settings).fit(known), NaiveForecaster(horizon=20).fit(known)]
errors = models[0].backtest(prices, windows=10).groupby("model")[["mase", "pinball", "coverage"]].mean()
errors.loc[["LSTMForecaster", "NaiveForecaster"]].round(3)

# %% [markdown]
# **The last value is as good a point forecast as any; what can be forecast is the spread.** By MASE, which judges
# the median, the network is no better than the last value, and nothing can be: the median of a random walk is where it
# is now. By the pinball loss it is better, as it tells calm months from wild ones. So ask of prices how far they may
# go, and hold the answer against what came, by its coverage.
#
# Below are two prices, as they were told twenty days ahead, again and again. What you will not see here is a plot of
# forecasts one day ahead beside the prices: two lines that lie on each other, which looks like a miracle and is
# yesterday's price, moved by a day.

# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 3.4), layout="constrained", sharex=True)
for ax, row in zip(axes, [0, 3], strict=True):
    for back in range(200, 0, -20):
        fan = models[0].predict_interval(prices[[row]].between(0, n_days - back), coverage=0.9)
        ax.fill_between(fan["timestamp"], fan["lower"], fan["upper"], color="C0", alpha=0.3)
    shown = prices[[row]].tail(260)
    ax.plot(shown.timestamps, shown.columns["price"], color="black", linewidth=0.8)
    ax.set(title=f"price {row}: 90 % intervals, each told up to 20 days ahead")
plt.show()

# %% [markdown]
# ## What to take along
#
# - **Count, then forecast.** One log gives recommendations, alarms and demand: `counts` makes series of it.
# - **Ask for intervals**, and judge them: `backtest` tells coverage and loss by series and step, beside naive lines.
#   If the network does not beat these, take the line.
# - **Sums come from paths**, never from sums of ends.
# - **Of a price, forecast the spread.**
#
# More is in the [guide](../docs/guide/forecast.md). Before: [recommend](01_recommend.ipynb), [find what is
# odd](02_detect_fraud.ipynb), [explore a model](03_explore.ipynb), [score logs](04_score_logs.ipynb), [how an LSTM
# remembers](05_how_an_lstm_remembers.ipynb), [let a model go on](06_generate.ipynb).
