"""The mel filter bank and log-mel frames, beside what the papers say."""

import numpy as np
import pytest

from seqrec.sound import LogMel
from seqrec.sound.mel import fft_size, hertz, mel, mel_filters

RNG = np.random.default_rng(0)


def slow_filters(n_mels, n_fft, rate):
    """Write the triangles out, corner by corner, as figure 1 of Davis and Mermelstein has them."""
    highest = 2595 * np.log10(1 + rate / 2 / 700)
    corners = [700 * (10 ** (highest * m / (n_mels + 1) / 2595) - 1) for m in range(n_mels + 2)]
    filters = np.zeros((n_mels, n_fft // 2 + 1))
    for m in range(n_mels):
        low, peak, high = corners[m : m + 3]
        for k in range(n_fft // 2 + 1):
            f = k * rate / n_fft
            if low <= f <= peak:
                filters[m, k] = (f - low) / (peak - low)
            elif peak < f <= high:
                filters[m, k] = (high - f) / (high - peak)
    return filters


def slow_frames(samples, form):
    """Write log-mel frames out, sample by sample, with a Fourier sum in place of a transform."""
    samples = samples - samples.mean()
    size, step, n_fft = round(form.window * form.rate), round(form.step * form.rate), fft_size(form)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    waves = np.exp(-2j * np.pi * np.outer(np.arange(n_fft // 2 + 1), np.arange(size)) / n_fft)
    starts = range(0, len(samples) - size + 1, step)
    powers = np.array([np.abs(waves @ (samples[start : start + size] * hann)) ** 2 for start in starts])
    energies = powers @ slow_filters(form.n_mels, n_fft, form.rate).T
    logs = np.log(np.maximum(energies, 1e-8 * energies.max()))
    return logs - logs.mean(axis=0)


@pytest.mark.parametrize(("n_mels", "n_fft", "rate"), [(40, 512, 16_000), (26, 256, 8_000), (1, 64, 1_000)])
def test_filters_are_the_triangles_of_the_paper(n_mels, n_fft, rate):
    np.testing.assert_allclose(mel_filters(n_mels, n_fft, rate), slow_filters(n_mels, n_fft, rate), atol=1e-12)


def test_pitch_is_that_of_the_formula_and_back():
    np.testing.assert_allclose(mel([0, 700, 1_000]), [0, 2595 * np.log10(2), 999.9855], atol=1e-4)
    np.testing.assert_allclose(hertz(mel([0.0, 50.0, 4_000.0])), [0, 50, 4_000], atol=1e-9)


def test_bands_overlap_to_one_between_the_first_peak_and_the_last():
    filters = mel_filters(20, 1_024, 16_000)
    inner = slice(filters[0].argmax() + 1, filters[-1].argmax())
    np.testing.assert_allclose(filters.sum(axis=0)[inner], 1, atol=1e-9)


@pytest.mark.parametrize("form", [LogMel(8_000), LogMel(4_000, 0.032, 0.02, 12), LogMel(1_000, 0.01, 0.003, 30)])
def test_frames_are_those_of_the_formula(form):
    samples = RNG.normal(size=form.rate // 4) + 3
    np.testing.assert_allclose(form.frames(samples), slow_frames(samples, form), atol=1e-3)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("n_mels", [1, 26, 40, 128, 512])
def test_every_band_holds_a_frequency_and_every_window_fits(rate, n_mels):
    form = LogMel(rate, n_mels=n_mels)
    assert fft_size(form) >= form.window_size
    assert (mel_filters(n_mels, fft_size(form), rate).max(axis=1) > 0.3).all()


def test_a_tone_is_loudest_in_its_band():
    time, form = np.arange(16_000) / 16_000, LogMel(16_000)
    tones = [
        np.sin(2 * np.pi * frequency * time) * (time < 0.5) + 1e-3 * RNG.normal(size=16_000)
        for frequency in (440, 3_000)
    ]
    corners = hertz(np.linspace(0, mel(8_000), 42))
    for tone, frequency in zip(tones, (440, 3_000), strict=True):
        best = form.frames(tone)[:40].mean(axis=0).argmax()
        assert corners[best] < frequency < corners[best + 2]


def test_frames_do_not_depend_on_loudness_offset_or_type_of_samples():
    samples = RNG.integers(-20_000, 20_000, 4_000)
    frames = LogMel(8_000).frames(samples)
    for same in (samples.astype(np.int16), samples / 32_768, 1e-6 * samples, samples + 7_000):
        np.testing.assert_allclose(LogMel(8_000).frames(same), frames, atol=2e-3)


def test_silence_in_a_recording_is_as_loud_as_80_decibels_below_the_loudest():
    form, samples = LogMel(8_000), RNG.normal(size=8_000)
    samples[4_000:] = samples.mean()
    energies = form.frames(samples)
    assert np.isfinite(energies).all()
    assert energies.max() - energies.min() < 2 * np.log(1e8)


def test_frames_are_those_that_lie_within_the_samples():
    form = LogMel(8_000)
    for n_samples in (200, 279, 280, 8_000):
        frames = form.frames(RNG.normal(size=n_samples))
        assert frames.shape == (form.n_frames(n_samples), 40) == ((n_samples - 200) // 80 + 1, 40)
        np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-5)
    assert form.n_frames(199) == 0


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (LogMel(8), "rate must be from 100 to 1,000,000 samples a second, got 8"),
        (LogMel(8_000.5), "rate must be an integer"),
        (LogMel(8_000, window=0), "window must be from two samples, 0.00025, to 60 seconds, got 0"),
        (LogMel(8_000, step=-1.0), "step must be from"),
        (LogMel(8_000, step="1"), "step must be from"),
        (LogMel(8_000, n_mels=0), "n_mels must be at least 1"),
        (LogMel(8_000, n_mels=2_000), "n_mels must be at most 1,024"),
    ],
)
def test_values_that_sound_cannot_be_read_with_are_refused(form, text):
    with pytest.raises(ValueError, match=text):
        form.check_sound()
