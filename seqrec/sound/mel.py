"""From samples to log-mel frames: short stretches of sound, and how much energy each has in bands of pitch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from seqrec._checks import check_integer, show
from seqrec.exceptions import InputError

RATES = (100, 1_000_000)  # samples a second
_MOST_MELS = 1_024
_AT_ONCE = 2**12  # frames
_LEAST = 1e-30  # where no sample that is read differs from the mean
_RANGE = 1e-8  # of energies of a recording: what is more than 80 dB below its loudest is as loud as that


class LogMel(NamedTuple):
    """How sound becomes frames.

    Attributes
    ----------
    rate : int
        Samples a second.
    window : float
        Seconds of sound that a frame is made of.
    step : float
        Seconds from frame to frame.
    n_mels : int
        Bands of pitch, from 0 to rate / 2.
    """

    rate: int
    window: float = 0.025
    step: float = 0.010
    n_mels: int = 40

    def check_sound(self) -> None:
        """Raise ValueError where a value is none that sound can be read with."""
        rate, low = check_integer(self.rate, "rate"), RATES[0]
        if not low <= rate <= RATES[1]:
            raise InputError(f"rate must be from {low:,} to {RATES[1]:,} samples a second, got {rate:,}.")
        for name in ("window", "step"):
            _check_seconds(getattr(self, name), name, rate)
        if check_integer(self.n_mels, "n_mels") > _MOST_MELS:
            raise InputError(f"n_mels must be at most {_MOST_MELS:,}, got {self.n_mels:,}.")

    @property
    def window_size(self) -> int:
        """Samples of a frame."""
        return round(self.window * self.rate)

    @property
    def step_size(self) -> int:
        """Samples from frame to frame."""
        return max(1, round(self.step * self.rate))

    def n_frames(self, n_samples: int) -> int:
        """Give the number of frames of so many samples: those that lie within them."""
        return max(0, 1 + (n_samples - self.window_size) // self.step_size)

    def frames(self, samples: NDArray) -> NDArray[np.float32]:
        r"""Give the frames of a recording.

        Frame t is of the samples from ``t * step`` on. Its powers :math:`P_t`, of a Hann window, are summed in the
        bands of `mel_filters`:

        .. math:: x_{tm} = \log \max(E_{tm}, 10^{-8} \max_{t'm'} E_{t'm'}), \quad E_{tm} = \sum_k H_{mk} P_{tk},

        and the mean over the recording is taken from each band. So neither loudness nor a constant colour of the
        sound, such as that of a microphone, is in the frames.

        Parameters
        ----------
        samples : (n_samples,) array
            Not all alike, and a window's at least.

        Returns
        -------
        frames : (n_frames, n_mels) float32, nats
        """
        centred = np.asarray(samples, np.float32)
        centred = centred - centred.mean(dtype=np.float64).astype(np.float32)
        energies = np.concatenate(list(self._energies(centred / np.abs(centred).max())))
        logs = np.log(np.maximum(energies, max(_RANGE * energies.max(), _LEAST)))
        return (logs - logs.mean(axis=0)).astype(np.float32)

    def _energies(self, samples: NDArray[np.float32]) -> Iterator[NDArray[np.float64]]:
        """Give the energies of some frames at a time, (n, n_mels)."""
        n_fft = fft_size(self)
        filters, window = mel_filters(self.n_mels, n_fft, self.rate).T, np.hanning(self.window_size + 1)[:-1]
        frames = np.lib.stride_tricks.sliding_window_view(samples, self.window_size)[:: self.step_size]
        for start in range(0, len(frames), _AT_ONCE):
            spectrum = rfft(frames[start : start + _AT_ONCE] * window.astype(np.float32), n_fft)
            yield (spectrum.real**2 + spectrum.imag**2) @ filters  # (n, n_mels)


def mel(frequency: Any) -> Any:
    """Give the pitch of frequencies in Hz.

    References
    ----------
    O'Shaughnessy (1987), "Speech Communication: Human and Machine", p. 150.
    """
    return 2595 * np.log10(1 + np.asarray(frequency) / 700)


def hertz(pitch: Any) -> Any:
    """Give the frequency of pitches in mel."""
    return 700 * (10 ** (np.asarray(pitch) / 2595) - 1)


def mel_filters(n_mels: int, n_fft: int, rate: int) -> NDArray[np.float64]:
    """Give triangles over the frequencies of a spectrum, whose corners are equally far from each other in pitch.

    Triangle m rises from corner m to 1 at corner m + 1, and falls to corner m + 2; there are n_mels + 2 corners from 0
    to rate / 2.

    Parameters
    ----------
    n_mels : int
    n_fft : int
        Samples that the spectrum is made of.
    rate : int
        Samples a second.

    Returns
    -------
    filters : (n_mels, n_fft // 2 + 1) float64

    References
    ----------
    Davis and Mermelstein (1980), "Comparison of parametric representations for monosyllabic word recognition in
    continuously spoken sentences", figure 1.
    """
    corners = hertz(np.linspace(0, mel(rate / 2), n_mels + 2))[:, None]
    frequencies = np.arange(n_fft // 2 + 1) * rate / n_fft
    rising = (frequencies - corners[:-2]) / np.diff(corners, axis=0)[:-1]
    falling = (corners[2:] - frequencies) / np.diff(corners, axis=0)[1:]
    return np.maximum(0, np.minimum(rising, falling))


def fft_size(form: LogMel) -> int:
    """Give the samples of a spectrum: a power of two that holds a window, and leaves no band without a frequency."""
    narrowest = float(hertz(mel(form.rate / 2) / (form.n_mels + 1)))  # Hz from corner to corner
    return 1 << int(np.ceil(np.log2(max(form.window_size, form.rate / narrowest))))


def _check_seconds(value: Any, name: str, rate: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 2 / rate <= value <= 60:
        least = f"two samples, {2 / rate:.4g}"
        raise InputError(f"{name} must be from {least}, to 60 seconds, got {show(value)}.")
