"""Seeds: every bit of them counts, whatever JAX's 64-bit flag."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overparam import purpose_key
from overparam.errors import ConfigError
from overparam.keys import seed_key
from overparam.studies.registry import STUDIES


def words(key):
    return tuple(np.asarray(jax.random.key_data(key)).tolist())


@given(st.integers(0, 2**63 - 1))
def test_a_key_holds_all_bits_of_its_seed_with_and_without_64_bits(seed):
    with jax.enable_x64(True):
        assert words(jax.random.key(seed)) == words(seed_key(seed))
    with jax.enable_x64(False):
        assert words(seed_key(seed)) == divmod(seed, 2**32)
        if seed < 2**32:
            assert words(jax.random.key(seed)) == words(seed_key(seed))


def test_seeds_that_share_their_low_bits_give_other_numbers():
    seeds = [0, 1, 2**32, 2**32 + 1, 2**53, 2**53 + 1, 2**63 - 1]
    for flag in (False, True):
        with jax.enable_x64(flag):
            assert len({words(purpose_key(seed, "data")) for seed in seeds}) == 7


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("seed", [-1, 2**63, 2**64, 1.5, np.nan, True, "1", 1j])
def test_a_seed_that_is_no_whole_64_bit_number_is_refused(name, seed):
    with pytest.raises(ConfigError, match="`seed` must be"):
        STUDIES[name].config_class()(seed=seed)


@pytest.mark.parametrize("name", STUDIES)
def test_seeds_are_taken_from_integers_of_numpy_too(name):
    kind = STUDIES[name].config_class()
    assert kind(seed=np.int64(2**32 + 1)).seed == 2**32 + 1
