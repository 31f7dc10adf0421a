"""Augmentation: exact windows of padded images, uniform laws, keys by step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from overparam.data import Split
from overparam.data.sources.augment import (
    RESNET_NORMALISATION,
    ImageSource,
    crop_and_flip,
)


@pytest.fixture
def split():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    return Split(x, np.arange(20, dtype=np.int32) % 10)


def drawn_step(source, key, step, batch_size=4):
    drawn = source.draw(key, jnp.asarray(step, jnp.int32), 1, batch_size)
    return jax.tree.map(lambda leaf: leaf[0], drawn)


def test_every_output_is_a_window_of_the_padded_image_or_its_mirror(split, key):
    source = ImageSource(split, RESNET_NORMALISATION, augment=True)
    drawn = drawn_step(source, key, 3)
    found = crop_and_flip(source.table.x[drawn.indices], drawn.corners, drawn.flips)
    padded = np.pad(split.x, ((0, 0), (4, 4), (4, 4), (0, 0)))
    pieces = zip(drawn.indices, drawn.corners, drawn.flips, found, strict=True)
    for index, (top, left), flip, image in pieces:
        window = padded[index, top : top + 32, left : left + 32]
        assert np.array_equal(image, window[:, ::-1] if flip else window)


def test_the_border_is_zero_before_the_normalisation(split):
    source = ImageSource(split, RESNET_NORMALISATION, augment=True)
    image = jnp.asarray(split.x[:1])
    corner = crop_and_flip(image, jnp.zeros((1, 2), jnp.int32), jnp.zeros(1, bool))
    found = source.pixels.normalised(corner)[0, 0, 0]
    wanted = -np.array(RESNET_NORMALISATION.mean) / RESNET_NORMALISATION.std
    np.testing.assert_allclose(found, wanted, rtol=1e-6)  # float32


def test_offsets_are_uniform_and_half_the_images_are_flipped(split, key):
    source = ImageSource(split, RESNET_NORMALISATION, augment=True)
    drawn = source.draw(key, jnp.asarray(0, jnp.int32), 1000, 20)
    top, left = np.moveaxis(np.asarray(drawn.corners).reshape(-1, 2), 1, 0)
    counts = np.bincount(9 * top + left, minlength=81)
    assert len(counts) == 81
    # False alarms once in a million.
    assert stats.chisquare(counts).pvalue > 1e-6
    flips = int(np.asarray(drawn.flips).sum())
    assert stats.binomtest(flips, 20_000).pvalue > 1e-6


def test_what_happens_in_a_step_does_not_depend_on_how_steps_are_drawn(split, key):
    source = ImageSource(split, RESNET_NORMALISATION, augment=True)
    together = source.draw(key, jnp.asarray(0, jnp.int32), 7, 4)
    for step in range(7):
        alone = drawn_step(source, key, step)
        for a, b in zip(alone, together, strict=True):
            assert np.array_equal(a, b[step])


def test_an_epoch_visits_every_image_once(split, key):
    source = ImageSource(split, RESNET_NORMALISATION, augment=True)
    drawn = source.draw(key, jnp.asarray(5, jnp.int32), 5, 4)
    assert sorted(np.asarray(drawn.indices).ravel()) == list(range(20))


def test_without_augmentation_images_are_only_normalised(split, key):
    source = ImageSource(split, RESNET_NORMALISATION, dtype="float64")
    drawn = drawn_step(source, key, 0)
    batch = source.batch(drawn)
    wanted = split.x[drawn.indices] / 255 - np.array(RESNET_NORMALISATION.mean)
    wanted /= RESNET_NORMALISATION.std
    np.testing.assert_allclose(batch.x, wanted, rtol=1e-12)
    assert np.array_equal(batch.y, split.y[drawn.indices])
