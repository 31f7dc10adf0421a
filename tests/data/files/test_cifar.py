from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

import overparam as op
from overparam.data.files.cifar import parse_cifar
from overparam.data.files.content import DamageError


@pytest.mark.parametrize("n_labels", [1, 2])
def test_planes_become_channels(n_labels: int) -> None:
    # Two records of 2 x 2 pixels: the value is 100 * record + 10 * channel + pixel.
    raw = bytes(
        value
        for record in range(2)
        for value in [7 + record] * n_labels
        + [100 * record + 10 * channel + i for channel in range(3) for i in range(4)]
    )
    images, labels = parse_cifar(raw, (2, 2, 3), n_labels=n_labels)
    assert images.shape == (2, 2, 2, 3)
    for record in range(2):
        for row in range(2):
            for column in range(2):
                pixel = 2 * row + column
                expected = [100 * record + 10 * channel + pixel for channel in range(3)]
                assert images[record, row, column].tolist() == expected
    np.testing.assert_array_equal(labels, [[7] * n_labels, [8] * n_labels])


@pytest.mark.parametrize("length", [0, 12, 14, 27])
def test_a_length_that_is_no_multiple_of_a_record_is_refused(length: int) -> None:
    with pytest.raises(DamageError, match=f"has {length} bytes, .* multiple of 13"):
        parse_cifar(bytes(length), (2, 2, 3))


def test_a_vgg_trains_on_cifar_100_in_its_official_layout(
    small_cifar_100, publish, home, tmp_path, monkeypatch
) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (24, 32, 32, 3), np.uint8)
    fine = 4 * np.arange(24) + 3
    records = [
        bytes([label // 5, label]) + image.transpose(2, 0, 1).tobytes()
        for image, label in zip(x, fine.tolist(), strict=True)
    ]
    assert {len(record) for record in records} == {3074}
    files = {"train.bin": b"".join(records[:16]), "test.bin": b"".join(records[16:])}
    small = replace(small_cifar_100, files=files)
    publish(small.reissued(n_train=16, n_test=8, shape=(32, 32, 3)).official)
    small.write(tmp_path / "data" / "cifar-100-binary")
    monkeypatch.setenv("OVERPARAM_DATA", str(tmp_path / "data"))
    run = op.run(
        "heavy-tails",
        dataset="cifar-100",
        network="vgg11",
        multiplier=0.125,
        batch_size=8,
        n_steps=2,
        evaluate_every=1,
        noise="isotropic",
        runs=tmp_path / "runs",
        progress=False,
    )
    assert run.frame["step"].to_list() == [0, 1, 2]
    assert run.network.readout.shape[1] == 100
    mean, std = (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)
    inputs = ((x / 255 - mean) / std).astype(np.float32)
    for part, chosen in {"train": slice(16), "test": slice(16, 24)}.items():
        scores = np.asarray(run.network(jnp.asarray(inputs[chosen])), float)
        log_sums = np.log(np.exp(scores).sum(axis=1))
        own = scores[np.arange(len(scores)), fine[chosen]]
        found = run.frame[f"{part}_loss"][-1]
        # The layers compute in float32.
        np.testing.assert_allclose(found, np.mean(log_sums - own), rtol=1e-4)
