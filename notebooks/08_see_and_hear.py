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
# # See and hear: pictures, words and films
#
# A sequence need not be of things with names. It may be of numbers: a picture read row by row, a sound cut into
# frames, a film. At the end of this page you have read digits, told spoken words apart, forecast shapes that move,
# found a motion that is odd, and tried whether peepholes help an LSTM to count.
#
# The digits come with scikit-learn; all else is made by formulae. Networks are small, with settings for a quick fit:
# the page takes about two minutes on two cores. Sounds need soundfile: `pip install "seqrec[audio]"`.

# %%
import tempfile
from itertools import permutations
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import soundfile
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from seqrec import (
    ConvLSTMForecaster,
    LastFrameForecaster,
    LSTMSequenceClassifier,
    Sequences,
    ShiftForecaster,
    SummaryClassifier,
)
from seqrec.datasets import make_films
from seqrec.explore import FilmExplorer, FrameExplorer

plt.rcParams["figure.dpi"] = 90
settings = {"verbose": False, "random_state": 0}

# %% [markdown]
# ## Digits, row by row
#
# A picture of 8 by 8 numbers is a sequence of 8 frames, one a row, of 8 channels. `from_arrays` takes the pictures as
# they are. `SummaryClassifier` is the line to beat: it knows means, spreads and extremes of each channel, in all of the
# picture and in each third of it. The network reads all rows in order, down and up. And what do those say who see the
# whole picture at once?

# %%
pictures, digits = load_digits(return_X_y=True)
X = Sequences.from_arrays(pictures.reshape(-1, 8, 8), names="pixel")
learned, asked = slice(0, 1_200), slice(1_200, None)  # not shuffled: neighbours are by one hand

summary = SummaryClassifier().fit(X[learned], digits[learned])
reader = LSTMSequenceClassifier(units=32, n_networks=1, max_epochs=20, **settings).fit(X[learned], digits[learned])
whole = SVC().fit(pictures[learned], digits[learned])
print(f"summary of the rows:      {summary.score(X[asked], digits[asked]):.1%} right")
print(f"LSTM, row by row:         {reader.score(X[asked], digits[asked]):.1%}")
print(f"SVC, all pixels at once:  {whole.score(pictures[asked], digits[asked]):.1%}")

mistaken = FrameExplorer(reader, X[asked], digits[asked])
mistaken.view = "heat map"
mistaken

# %% [markdown]
# To read the rows in order gains over their summaries, and is about as good as to see all pixels at once. Eight rows
# are no long story: for pictures as small as these the `SVC` takes less time. The widget lists the digits with the
# least likely truth first. Click on a field of its table to see those that were taken for one another. Time runs to
# the right there, so a digit lies on its side; rows and pixels without which the network would be less sure are marked.
#
# ## A word
#
# A vowel is a tone with peaks in its spectrum, the formants; where they lie says which vowel it is. So speech can be
# made of a formula: a voice with its own pitch, mouth and pace says one of six words, which are the vowels a, i and u
# in each order. It begins at any time, and there is noise. The files are WAV files, as a recorder would leave them.

# %%
RATE, WORDS = 8_000, ["".join(order) for order in permutations("aiu")]
FORMANTS = {"a": [730, 1090, 2440], "i": [270, 2290, 3010], "u": [300, 870, 2240]}  # Hz


def say(word, rng):
    """Give a word as somebody may say it, with what was recorded before and after it."""
    time = np.linspace(-0.5, 2.5, round(3 * rng.uniform(0.12, 0.2) * RATE))  # in vowels
    peaks = np.array([FORMANTS[vowel] for vowel in word]).T
    formants = rng.uniform(0.9, 1.2) * np.array([np.interp(time, range(3), peak) for peak in peaks])  # (3, time)
    pitch = rng.uniform(90, 220) * np.linspace(1.1, 0.9, len(time))
    overtones = np.arange(1, int(RATE / 2 / pitch.max()))[:, None] * pitch
    resonance = 1 / (1 + ((overtones - formants[:, None]) / (60 + formants[:, None] / 20)) ** 2)
    loudness = np.tensordot([1, 0.5, 0.25], resonance, 1)
    voice = (loudness * np.sin(2 * np.pi * overtones.cumsum(axis=1) / RATE)).sum(axis=0) * np.hanning(len(time)) ** 0.3
    sound = np.pad(0.5 * voice / np.abs(voice).max(), rng.integers(0, RATE, 2))
    return sound + rng.normal(0, 0.02, len(sound))


rng, folder = np.random.default_rng(0), Path(tempfile.mkdtemp())
said = rng.choice(WORDS, 450)
spoken = [say(word, rng) for word in said]
for number, sound in enumerate(spoken):
    soundfile.write(folder / f"{number:03}.wav", sound, RATE)

sounds = Sequences.from_audio(folder, rate=RATE, window=0.04, step=0.03, n_mels=16, keys=range(len(said)))
figure, axes = plt.subplots(1, 3, figsize=(11, 2.6), layout="constrained", sharey=True)
for ax, word in zip(axes, ["aiu", "iau", "uia"], strict=True):
    row = int(np.argmax(said == word))  # the first
    ax.imshow(sounds[[row]].columns["log_mel"].T, origin="lower", aspect="auto", cmap="magma")
    ax.set(title=f"{word}, recording {row}", xlabel="frame (0.03 s)")
axes[0].set_ylabel("band of pitch")
plt.show()

# %%
summary = SummaryClassifier().fit(sounds[:300], said[:300])
hearer = LSTMSequenceClassifier(units=16, n_networks=1, max_epochs=8, **settings).fit(sounds[:300], said[:300])
for classifier in (summary, hearer):
    print(f"{type(classifier).__name__:22} {classifier.score(sounds[300:], said[300:]):.0%} of 150 words right")

heard = FrameExplorer(hearer, sounds[300:], said[300:], audio=spoken[300:], rate=RATE)
heard

# %% [markdown]
# The summary knows the thirds of a recording, but these are not the thirds of a word that begins anywhere. It is right
# in nine of ten all the same. The network reads on until it has heard the word, and is right in all. Real voices differ
# in more than four numbers, so do not expect this of them. The widget plays each sound, and shows which stretch of it
# spoke for the word; its picture is that of the bands of pitch.
#
# ## What comes next in a film
#
# Two shapes move in a film of 16 by 16 pixels, each at its own speed, and bounce off the edges. The line that is easy
# to draw says that nothing moves; the next one, that all goes on with one motion, as clouds do. The network has to find
# out that there are two, where the edges are, and who is in front. The error is the mean square, from 0 to 1.

# %%
films = make_films(n_films=400, size=16, random_state=0)
seen, new = films.videos[:300], films.videos[300:]
network = ConvLSTMForecaster(
    horizon=5, n_past=8, loss="squared", units=32, n_layers=1, patch=2, learning_rate=0.01, max_steps=1_000, **settings
)
errors = {}
for forecaster in (LastFrameForecaster(), ShiftForecaster(), network):
    told = forecaster.fit(seen).predict(new[:, :10], horizon=5)  # (100, 5, 16, 16)
    errors[type(forecaster).__name__] = ((told - new[:, 10:15] / 255) ** 2).mean(axis=(0, 2, 3))
pd.DataFrame(errors, index=pd.RangeIndex(1, 6, name="images ahead")).T.round(4)

# %% [markdown]
# The network's error is less than half of that of one motion for all, from the first image on: two shapes have two
# motions, and there are edges. It tells for each patch how its pixels move, and what is new (`n_motions`). With a
# single shape (`n_shapes=1`) and 600 steps of training its error was about half as well, when we tried it; where all
# moves in one way, as clouds do, `ShiftForecaster` is hard to beat. Fit it first; it takes no time.
#
# ## A motion that is odd
#
# In one more clip, a shape turns back in the middle of the image, where there is nothing to bounce off. Nobody told the
# network that this is odd. `surprisal` says of each place of each image how unlikely it was, given the images before,
# in nats. The first images are left out: too little is known then of the motions.

# %%
nats = network.surprisal([films.odd])[0]  # (time, height, width)
nats[:4] = np.nan
when, row, column = (int(at) for at in np.unravel_index(np.nanargmax(nats), nats.shape))
print(f"oddest: image {when}, row {row}, column {column}; planted: image {films.odd_image}, around {films.odd_place}")

usual = np.stack(network.surprisal(new))[:, 4:]
peaks, images = usual.max(axis=(2, 3)), usual.mean(axis=(2, 3))
for name, others, own in (
    ("its oddest place", peaks, nats[when].max()),
    ("the mean of the image", images, nats[when].mean()),
    ("the score of the film", -network.score_samples(new), -network.score_samples([films.odd])[0]),
):
    print(f"{name + ':':22} {(others >= own).mean():5.1%} of the usual ones are as odd")

figure, axes = plt.subplots(2, 6, figsize=(11, 3.8), layout="constrained")
for image, (top, bottom) in zip(range(when - 3, when + 3), axes.T, strict=True):
    top.imshow(films.odd[image], cmap="gray", vmin=0, vmax=255)
    bottom.imshow(nats[image], cmap="magma", vmin=0, vmax=np.nanmax(nats))
    top.set_title(f"image {image}")
    for ax in (top, bottom):
        ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("what came")
axes[1, 0].set_ylabel("surprisal")
plt.show()

# %%
explorer = FilmExplorer(network, [films.odd, *new[:20]], horizon=5)
explorer.origin = explorer.image = when
explorer

# %% [markdown]
# The turn is found: the image, and the edge of the shape that should have gone on. So says the mean of the image; the
# score of the film says nothing: what is odd is a few places in one of twenty images, and is lost in the mean.
#
# One clip is no proof. With `random_state` 3 and 4 in `make_films` the same network found the turn too; with 1 and 2 it
# held other images to be odder: it has been trained for half a minute, and much that is usual surprises it still. See
# how odd the usual films are before you believe in an alarm, as above. The widget lists films by their oddest image;
# the clip, film 0, is open at the turn. Play it beside its forecast: places that surprise are tinted.
#
# ## Do peepholes help to count?
#
# With peepholes, gates see what a unit holds, and not only what it shows. So, says the theory, they can act exactly n
# steps after something happened (Gers et al., 2002). Here is a film that asks for this and nothing else: a light goes
# on somewhere, stays for six images, all alike, and goes out. To be right, each of the five images before must be told
# to be lit, and the sixth not. In [how an LSTM remembers](05_how_an_lstm_remembers.ipynb) peepholes added nothing to
# such a task; this is another network, so it is tried again, over three seeds, with one setting for all.

# %%
LIT, IMAGES, SIZE = 6, 14, 8


def make_lights(n_films, rng):
    """Give films of a light that goes on at any time, and where it is."""
    lights, places = np.zeros((n_films, IMAGES, SIZE, SIZE), np.uint8), rng.integers(0, SIZE - 1, (n_films, 2))
    starts = rng.integers(1, IMAGES - LIT, n_films)
    for light, start, (row, column) in zip(lights, starts, places, strict=True):
        light[start : start + LIT, row : row + 2, column : column + 2] = 255
    return lights, starts


def told_lit(forecaster, lights, starts):
    """Give how bright the light is told to be in the image after 1 to 6 lit ones, (n_films, 6)."""
    told = [
        forecaster.predict([f[: start + n] for f, start in zip(lights, starts, strict=True)], 1)
        for n in range(1, LIT + 1)
    ]
    is_there = lights.any(axis=1)
    return np.stack([(one[:, 0] * is_there).sum(axis=(1, 2)) / 4 for one in told], axis=1)


(lights, _), (others, starts) = (make_lights(n, np.random.default_rng(n)) for n in (300, 50))
small = {"units": 8, "n_layers": 1, "patch": 1, "learning_rate": 0.02, "max_steps": 600, "validation_fraction": 0.0}
small |= {"n_motions": 0}  # nothing moves
figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
exact = {}
for peephole, style in {"place": "-", None: "--"}.items():
    exact[f"peephole={peephole!r}"] = {}
    for seed in range(3):
        forecaster = ConvLSTMForecaster(4, 10, peephole=peephole, **small | settings | {"random_state": seed})
        told = told_lit(forecaster.fit(lights), others, starts)
        exact[f"peephole={peephole!r}"][seed] = ((told > 0.5) == (np.arange(1, LIT + 1) < LIT)).all(axis=1).mean()
        ax.plot(range(1, LIT + 1), told.mean(axis=0), style, color="C0" if peephole else "C1")
ax.plot(range(1, LIT + 1), [1] * (LIT - 1) + [0], ".", color="black")
ax.set(xlabel="images that it was lit", ylabel="told for the next", ylim=(-0.05, 1.05))
ax.set_title("place: blue; None: orange, dashed; truth: dots", loc="left")
plt.show()
pd.DataFrame(exact).T.rename_axis(columns="seed").map("{:.0%}".format)

# %% [markdown]
# **Not that these runs could show.** Chance decides who has learned it after 600 steps, and little is enough for that:
# in other runs of this page, with the same seeds but sums that were rounded otherwise, other seeds had not learned it,
# with peepholes or without. A unit shows what it holds as long as its output
# gate is open, so its count can be read without a peephole. In other tasks that may be different.
#
# ## What to take along
#
# - **No names are needed.** What is a row of numbers at each step is a sequence: `from_arrays`, `from_audio`.
# - **Ask the cheap one first.** `SummaryClassifier`, `LastFrameForecaster` and `ShiftForecaster` take a second.
# - **Look for the place, not for the mean.** A film is odd where something happens; its mean score hides that.
# - **Try peepholes over several seeds**, as any other parameter.
#
# More is in the guides to [classes](../docs/guide/classify.md) and [films](../docs/guide/films.md), and in [how to
# classify sound](../docs/how_to/sound.md). Before: [recommend](01_recommend.ipynb), [find what is
# odd](02_detect_fraud.ipynb), [explore a model](03_explore.ipynb), [score logs](04_score_logs.ipynb), [how an LSTM
# remembers](05_how_an_lstm_remembers.ipynb), [let a model go on](06_generate.ipynb), [how much will it
# be](07_forecast.ipynb).
#
# *Gers, Schraudolph & Schmidhuber (2002), Learning precise timing with LSTM recurrent networks. Shi et al. (2015),
# Convolutional LSTM network. Peterson & Barney (1952), Control methods used in a study of the vowels: the formants.*
