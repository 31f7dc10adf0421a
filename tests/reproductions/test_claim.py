"""What a claim may say."""

import numpy as np
import pytest

from overparam import Claim
from overparam.errors import ConfigError


def claim(**fields):
    return Claim(**{"sentence": "a", "published": "b", "measured": "c"} | fields)


def test_what_an_array_says_of_a_claim_is_a_verdict():
    assert claim(holds=np.float64(1) < 2).holds is True
    assert claim(holds=None).holds is None


@pytest.mark.parametrize("fields", [{"measured": 3.0}, {"holds": 1}, {"holds": "yes"}])
def test_a_claim_that_no_report_could_show_is_refused(fields):
    with pytest.raises(ConfigError, match=r"of (a|the) claim .* got"):
        claim(**{"holds": True} | fields)
