"""Films beside what was forecast of them: when and where one is odd, and what would have been said earlier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import traitlets as t
from numpy.typing import NDArray

from seqrec._checks import check_integer
from seqrec._html import card, table
from seqrec.exceptions import InputError
from seqrec.explore.film_pictures import Frame, differences, oddest_place, packed_images
from seqrec.explore.front_end import Widget, check_position, check_proposal, lines, packed
from seqrec.explore.odd_films import OddFilms, surprisal_between
from seqrec.explore.thinning import thinned
from seqrec.explore.units import rounded
from seqrec.films.base import FilmForecasterMixin
from seqrec.films.videos import check_videos

_MOST_STEPS, _MOST_BEFORE = 200, 40  # images that are forecast, and shown before
_ACROSS = 1_000  # points of a line
_AT_ONCE = 0.15  # seconds
_FALLBACK_ROWS = 12


class FilmExplorer(Widget, script="films"):
    """See what comes next in films beside what really came, and when and where they are odd.

    A notebook shows it as a widget: a film is picked, the oddest first, and what came, the forecast and the difference
    stand side by side, with a slider of time and a button that plays. Places that surprise are tinted, the most
    surprising one is framed. A line shows how odd each image is; a click there shows the image, and moves the origin of
    the forecast to it. Another line shows the error of each image ahead, beside that of the last image again.

    Parameters
    ----------
    forecaster : fitted ConvLSTMForecaster, ShiftForecaster or LastFrameForecaster
    videos : array or list of arrays
        Films, as for `predict`.
    horizon : int
        Images to forecast, up to 200.

    Attributes
    ----------
    film : int
        Trait: position of the film that is open.
    origin : int
        Trait: how many of its images are known; those from there on are forecast.
    image : int
        Trait: the image that is shown, of the film or beyond its end. One that is not in view moves the origin.
    horizon : int
        Trait: how many images are forecast.
    tint : float
        Trait: nats from which on a place is tinted. At first, one place in a hundred of the first film is.
    forecast : (horizon, height, width) or (horizon, height, width, channels) float32
        From the origin on, from 0 to 1.
    surprisal : (time, height, width) float32, nats
        Of the film that is open; NaN of the first image.
    errors : DataFrame
        A row for each image that is forecast: `image`, `step`, `squared_error` (its mean), and that of the
        `last_image` again, as `LastFrameForecaster` has it. NaN where the film has ended.
    scores : DataFrame
        All films, that with the oddest image first: `film`, `images`, `score`, as `score_samples` gives it, NaN of a
        single image, and `peak` and `peak_image`, the mean surprisal of the oddest image, once enough are known before,
        and which it is.

    Raises
    ------
    NotFittedError
        If the forecaster is not fitted.
    TypeError, ValueError
        If an argument is of the wrong kind, or films are not of the size of those of training.

    Examples
    --------
    >>> import numpy as np
    >>> from seqrec import ShiftForecaster
    >>> from seqrec.explore import FilmExplorer
    >>> films = np.zeros((2, 9, 16, 16))
    >>> films[:, range(9), 7, range(3, 12)] = 1
    >>> films[1, 6:] = 0  # the dot is gone
    >>> explorer = FilmExplorer(ShiftForecaster().fit(films[:1]), films, horizon=3)
    >>> explorer.scores["film"].tolist()
    [1, 0]
    >>> explorer.film, explorer.origin = 0, 6
    >>> explorer.errors["squared_error"].round(3).tolist()
    [0.0, 0.0, 0.0]
    """

    film, origin, image = (t.Int(value).tag(sync=True) for value in (0, 1, 0))
    horizon, tint = t.Int(10).tag(sync=True), t.Float(0.0).tag(sync=True)
    _lengths = t.Bytes().tag(sync=True)
    _scale: t.List[Any] = t.List().tag(sync=True)
    _shown, _told, _line, _judged = (t.Dict().tag(sync=True) for _ in range(4))
    _version = 0
    _said: NDArray[np.float32] | None = None

    def __init__(self, forecaster: Any, videos: Any, horizon: int = 10) -> None:
        if not isinstance(forecaster, FilmForecasterMixin):
            raise InputError(f"FilmExplorer shows a forecaster of films of seqrec, got {type(forecaster).__name__}.")
        _check_horizon(horizon, "horizon")
        self.forecaster, self._films = forecaster, check_videos(videos, shortest=1)
        forecaster.predict(self._film_of(0, 0, 1), 1)  # what does not fit is an error here
        self._odd = OddFilms(forecaster, self._films)
        self._frame = Frame.of(self._films.shape, _MOST_BEFORE + int(horizon))
        first = int(np.argmax(self._films.lengths > 1))
        low, usual, high = _scale_of(self._some_of(first))
        origin = self._usual_origin(0, int(horizon))
        super().__init__(
            horizon=int(horizon),
            origin=origin,
            image=min(origin, self._n_of(0) - 1),
            tint=usual,
            _scale=[low, high],
            _lengths=packed(self._films.lengths, "int32"),
        )
        self._show()
        self._tell_line()
        self.observe(lambda _: self._open(), "film")
        self.observe(lambda _: self._move(), ["origin", "horizon"])
        self.observe(lambda _: self._follow_image(), "image")
        self.on_msg(lambda _, content, __: self._receive(content))

    @t.validate("film")
    def _check_film(self, proposal: Any) -> int:
        return check_position(proposal["value"], "film", len(self._films.films), lowest=0)

    @t.validate("origin", "image")
    def _check_image(self, proposal: Any) -> int:
        is_origin = proposal["trait"].name == "origin"
        n = self._n_of(self.film)
        last = n + 1 if is_origin else n + self.horizon
        return check_position(proposal["value"], proposal["trait"].name, last, lowest=int(is_origin))

    @t.validate("horizon")
    def _check_horizon_trait(self, proposal: Any) -> int:
        return check_proposal(proposal, _check_horizon)

    @t.validate("tint")
    def _check_tint(self, proposal: Any) -> float:
        if not np.isfinite(proposal["value"]):
            raise t.TraitError(f"tint must be a number of nats, got {proposal['value']}.")
        return proposal["value"]

    @property
    def forecast(self) -> NDArray[np.float32]:
        """The images from the origin on, as they are forecast."""
        if self._said is None:
            start = max(0, self.origin - int(self.forecaster.n_past))
            self._said = self.forecaster.predict(self._film_of(self.film, start, self.origin), self.horizon)[0]
        return self._said

    @property
    def surprisal(self) -> NDArray[np.float32]:
        """Nats of each place of each image of the film that is open."""
        return surprisal_between(self.forecaster, self._films, self.film, 0, self._n_of(self.film))

    @property
    def errors(self) -> pd.DataFrame:
        """How far off each image that is forecast is, beside the last image again."""
        step, n_there = np.arange(self.horizon), min(self.horizon, self._n_of(self.film) - self.origin)
        came = self._films.read(self.film, self.origin, self.origin + n_there)
        last = self._films.read(self.film, self.origin - 1, self.origin)
        told = self.forecast[:n_there].reshape(came.shape)
        squares = {"squared_error": (told - came) ** 2, "last_image": (last - came) ** 2}
        missing = np.full(self.horizon - n_there, np.nan)
        columns = {name: np.append(square.mean(axis=(1, 2, 3)), missing) for name, square in squares.items()}
        return pd.DataFrame({"image": self.origin + step, "step": step + 1} | columns)

    @property
    def scores(self) -> pd.DataFrame:
        """All films, that with the oddest image first."""
        self._odd.judge(self.film)
        self._tell_line()
        order = self._odd.order
        image, peak = self._odd.peaks
        found = {"images": self._films.lengths, "score": self._odd.scores, "peak": peak, "peak_image": image}
        return pd.DataFrame({"film": order} | {name: values[order] for name, values in found.items()})

    def _n_of(self, film: int) -> int:
        return int(self._films.lengths[film])

    def _film_of(self, film: int, start: int, stop: int) -> list[NDArray]:
        """Give part of a film as the forecaster takes it."""
        images = self._films.films[film][start:stop]
        return [images if self._films.has_channels else images[..., 0]]

    def _some_of(self, film: int) -> NDArray[np.float32]:
        """Give nats of some images of a film, where enough is known of those before if it is so long."""
        n, half = self._n_of(film), int(self.forecaster.n_past)
        start = min(half, n - 1)
        return surprisal_between(self.forecaster, self._films, film, start, min(start + 2 * half, n))

    def _usual_origin(self, film: int, horizon: int) -> int:
        return max(1, self._n_of(film) - horizon)

    def _span_shown(self) -> tuple[int, int]:
        """Give the first image in view, and the one after the last."""
        return max(0, self.origin - min(_MOST_BEFORE, int(self.forecaster.n_past))), self.origin + self.horizon

    def _open(self) -> None:
        """Show another film, from an origin that leaves as much to come as is forecast."""
        with self.hold_sync():
            self.origin = self._usual_origin(self.film, self.horizon)
            self.image = min(self.origin, self._n_of(self.film) - 1)
            self._show()
            self._tell_line()

    def _move(self) -> None:
        """Show another origin, and an image that is in view from there."""
        start, stop = self._span_shown()
        with self.hold_sync():
            if not start <= self.image < stop:
                self.image = min(self.origin, stop - 1)
            self._show()

    def _follow_image(self) -> None:
        start, stop = self._span_shown()
        if not start <= self.image < stop:
            self.origin = max(1, min(self.image, self._n_of(self.film)))

    def _show(self) -> None:
        """Send the images in view, as they came; the page asks for the forecast."""
        self._version, self._said = self._version + 1, None
        start, stop = self._span_shown()
        self._frame = Frame.of(self._films.shape, stop - start)
        n = self._n_of(self.film)
        self._shown = {
            "version": self._version,
            "film": self.film,
            "n": n,
            "start": start,
            "stop": stop,
            "origin": self.origin,
            "height": self._frame.height,
            "width": self._frame.width,
            "channels": self._frame.channels,
            "every": self._frame.every,
            "note": self._frame.note,
            "came": packed_images(self._films.read(self.film, start, min(stop, n)), self._frame),
        }

    def _receive(self, content: Any) -> None:
        match content:
            case {"do": "run", "version": self._version}:  # a later change asks again
                self._run()
            case {"do": "judge"} if not self._odd.is_done:
                self._odd.judge(self.film, _AT_ONCE)
                self._tell_line()

    def _run(self) -> None:
        """Send the forecast, how far off it is, and how odd the places of all images in view are."""
        start, stop = self._span_shown()
        n_there = min(stop, self._n_of(self.film))
        nats = surprisal_between(self.forecaster, self._films, self.film, start, n_there)
        told = self.forecast.reshape(self.horizon, *self._films.shape)
        came = self._films.read(self.film, self.origin, n_there)
        low, high = self._scale
        errors = self.errors
        self._told = {
            "version": self._version,
            "forecast": packed_images(told, self._frame),
            "differences": differences(came, told[: len(came)], self._frame),
            "nats": packed(self._frame.largest(np.clip((nats - low) / (high - low) * 255, 0, 255)), "uint8"),
            "places": [oddest_place(image, self._frame) for image in nats],
            "texts": lines(self._texts(nats, start)),
            "errors": [packed(errors[name], "float64") for name in ("squared_error", "last_image")],
        }

    def _texts(self, nats: NDArray[np.float32], start: int) -> list[str]:
        """Say how odd each image is, and where the most."""
        told = []
        for at, image in enumerate(nats, start):
            if at == 0:
                told.append("Nothing came before the first image, so none is surprising.")
                continue
            row, column = np.unravel_index(np.argmax(image), image.shape)
            told.append(
                f"Surprisal: mean {rounded(float(image.mean()), 3)} nats a place, most "
                f"{rounded(float(image.max()), 3)} at row {row}, column {column}."
            )
        return told

    def _tell_line(self) -> None:
        """Send how odd each image of the film is, and which films are the oddest, as far as that is known."""
        every, y = thinned(self._odd.lines[self.film], _ACROSS)
        scores = self._odd.scores
        is_done = self._odd.is_done
        order = self._odd.order if is_done else np.arange(len(scores))
        self._line = {"film": self.film, "every": every, "y": packed(y, "float64")}
        self._judged = {
            "done": is_done,
            "n": int((self._odd.n_judged == self._films.lengths).sum()),
            "scores": lines(map(_told_score, scores, *self._odd.peaks)),
            "order": packed(order, "int32"),
        }

    def _fallback(self) -> str:
        n = self._n_of(self.film)
        facts = {"film": f"{self.film} of {len(self._films.films):,}", "images": n, "known": self.origin}
        frame = self.errors.head(_FALLBACK_ROWS)
        rows = frame.assign(**{name: frame[name].round(5) for name in ("squared_error", "last_image")})
        return card("Film", facts, table(rows.itertuples(index=False), list(rows.columns), "Errors of images ahead"))


def _told_score(score: float, image: int, peak: float) -> str:
    if np.isnan(score):
        return ""
    return f"score {rounded(score, 3)} · image {image:,} {rounded(peak, 3)} nats".replace("-", "−")


def _check_horizon(value: Any, name: str) -> int:
    if check_integer(value, name) > _MOST_STEPS:
        raise InputError(f"{name} must be at most {_MOST_STEPS}, got {value:,}.")
    return int(value)


def _scale_of(nats: NDArray[np.float32]) -> tuple[float, float, float]:
    """Give nats from which bytes begin, from which places are tinted, and where bytes end."""
    there = nats[np.isfinite(nats)]
    if not len(there):
        return 0.0, 1.0, 4.0
    low, middle, usual, high = np.quantile(there, [0.01, 0.5, 0.99, 0.999]).tolist()
    return low, usual, max(high, usual + 5 * (usual - middle), usual + 1e-3)
