"""Sounds that tests make for themselves, and the plainest WAV files of them."""

import io
import wave

import numpy as np


def tone(frequency=440.0, seconds=0.3, rate=8_000, seed=0):
    """Make a tone with a little noise, (n_samples,), within -1 and 1."""
    time = np.arange(round(seconds * rate)) / rate
    return 0.5 * np.sin(2 * np.pi * frequency * time) + 0.01 * np.random.default_rng(seed).normal(size=len(time))


def wav(samples, rate=8_000):
    """Give a WAV file of 16 bits, of samples (n_samples,) or (n_samples, n_channels)."""
    samples, content = np.asarray(samples), io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32_767).astype("<i2").tobytes())
    return content.getvalue()
