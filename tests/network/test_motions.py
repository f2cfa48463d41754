"""Images whose patches move: against a loop over pixels, and by what is known of it."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from seqrec.films.patches import from_patches, to_patches
from seqrec.network.architectures import FilmArchitecture
from seqrec.network.motions import DECISIVE, LEAST_SHARE, SHARPNESS, Motions

N, ROWS, COLUMNS = 2, 3, 4  # of images, and of places
ARCHITECTURE = {"units": 1, "n_layers": 1, "kernel_size": 1, "recurrent_kernel_size": 1, "peephole": "none"}
ARCHITECTURE |= {"squared": False, "n_classes": 0, "seed": 0}


def told_of(patch, channels, n_motions, seed=0):
    rng = np.random.default_rng(seed)
    more = {"height": ROWS, "width": COLUMNS, "patch": patch, "n_inputs": channels * patch**2, "n_motions": n_motions}
    motions = Motions(FilmArchitecture(**ARCHITECTURE | more))
    images = rng.random((N, ROWS * patch, COLUMNS * patch, channels)).astype(np.float32)
    return motions, images, rng.normal(size=(N, ROWS, COLUMNS, sum(motions.sizes))).astype(np.float32)


def means_of(motions, images, told, seen=None):
    images_read = to_patches(images, motions.patch)
    seen = np.ones((N, ROWS, COLUMNS, 2 * motions.n_shifts), np.float32) if seen is None else seen
    found = np.asarray(motions.applied(told, np.concatenate([images_read, images_read, seen], axis=-1)))
    return from_patches(found, motions.patch, images.shape[1:])


@pytest.mark.parametrize(("patch", "channels", "n_motions"), [(1, 1, 1), (2, 3, 2), (6, 1, 2)])
def test_the_means_are_those_of_a_loop_over_pixels(patch, channels, n_motions):
    motions, images, told = told_of(patch, channels, n_motions)
    seen = np.random.default_rng(1).random((N, ROWS, COLUMNS, 2 * motions.n_shifts)).astype(np.float32)
    seen_rows, seen_columns = np.log(seen + LEAST_SHARE).reshape(N, ROWS, COLUMNS, 2, -1).transpose(3, 0, 1, 2, 4)
    by_row, by_column, shares, new = np.split(told, np.cumsum(motions.sizes)[:-1], axis=-1)
    reach = min(patch, 4)
    bordered = np.pad(images, [(0, 0), (reach, reach), (reach, reach), (0, 0)])
    expected, usual = np.zeros_like(images), np.array([0] * n_motions + [-2])
    for n, row, column, channel in np.ndindex(images.shape):
        place = n, row // patch, column // patch
        i, j = row % patch, column % patch
        weights = softmax(shares[place].reshape(n_motions + 1, patch, patch)[:, i, j] + usual)
        rows = softmax(SHARPNESS * by_row[place].reshape(n_motions, -1) + seen_rows[place], axis=1)
        columns = softmax(SHARPNESS * by_column[place].reshape(n_motions, -1) + seen_columns[place], axis=1)
        around = bordered[n, row : row + 2 * reach + 1, column : column + 2 * reach + 1, channel]
        moved = [rows[k] @ around @ columns[k] for k in range(n_motions)]
        drawn = expit(new[place].reshape(patch, patch, channels)[i, j, channel])
        expected[n, row, column, channel] = weights @ [*moved, drawn]
    np.testing.assert_allclose(means_of(motions, images, told, seen), expected, atol=1e-5)


def test_what_is_told_to_move_moves_and_what_came_from_outside_is_black():
    motions, images, told = told_of(2, 1, 1)
    told[:] = 0
    told[..., 1], told[..., 5 + 4] = 100, 100  # from a row above, and from two columns to the right
    told[..., 10:14] = 100  # all moves, and nothing is new
    expected = np.zeros_like(images)
    expected[:, 1:, :-2] = images[:, :-1, 2:]
    np.testing.assert_allclose(means_of(motions, images, told), expected, atol=1e-6)


@pytest.mark.parametrize(("patch", "channels"), [(3, 2), (6, 1)])
def test_a_shift_is_seen_at_every_place_that_it_does_not_bring_in_from_outside(patch, channels):
    motions, images, _ = told_of(patch, channels, 1)
    before, after = (to_patches(each, patch) for each in (images, np.roll(images, (2, -1), axis=(1, 2))))
    rows, columns = np.split(np.asarray(motions.seen(before, after)), 2, axis=-1)
    middle = np.s_[:, 1:-1, 1:-1]
    np.testing.assert_array_equal(rows[middle].argmax(axis=-1), motions.reach - 2)
    np.testing.assert_array_equal(columns[middle].argmax(axis=-1), motions.reach + 1)
    np.testing.assert_allclose(rows.sum(axis=-1), 1, atol=1e-5)


def test_what_is_seen_follows_from_the_squared_differences_of_all_shifts():
    motions, images, _ = told_of(2, 1, 1)
    before, after = images[:1], images[1:]
    bordered = np.pad(before[0, ..., 0], motions.reach)
    height, width = images.shape[1:3]
    difference = (
        np.array(
            [
                [(after[0, ..., 0] - bordered[i : i + height, j : j + width]) ** 2 for j in range(motions.n_shifts)]
                for i in range(motions.n_shifts)
            ]
        )
        .reshape(*[motions.n_shifts] * 2, ROWS, 2, COLUMNS, 2)
        .sum(axis=(3, 5))
    )
    padded = np.pad(difference, [(0, 0), (0, 0), (1, 1), (1, 1)], constant_values=np.nan)
    around = [padded[:, :, i : i + ROWS, j : j + COLUMNS] for i in range(3) for j in range(3)]
    pooled = np.nanmean(around, axis=0)
    shares = softmax(-DECISIVE * pooled / (pooled.mean(axis=(0, 1)) + 1e-3), axis=(0, 1))
    expected = np.concatenate([shares.sum(axis=1), shares.sum(axis=0)]).transpose(1, 2, 0)
    found = np.asarray(motions.seen(to_patches(before, 2), to_patches(after, 2)))[0]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_where_nothing_is_to_be_seen_all_motions_are_alike():
    motions, images, _ = told_of(2, 1, 1)
    black = to_patches(np.zeros_like(images), 2)
    np.testing.assert_allclose(motions.seen(black, black), 1 / motions.n_shifts, atol=1e-6)


def test_before_anything_is_learned_places_go_on_as_they_seem_to_have_moved():
    motions, images, told = told_of(6, 1, 2)
    before, after = images, np.roll(images, (2, -1), axis=(1, 2))
    seen = np.asarray(motions.seen(to_patches(before, 6), to_patches(after, 6)))
    told[:] = 0
    expected = np.roll(after, (2, -1), axis=(1, 2))
    found = means_of(motions, after, told, seen)
    assert np.abs(found - expected)[:, 6:-6, 6:-6].mean() < 0.5 * np.abs(after - expected)[:, 6:-6, 6:-6].mean()
