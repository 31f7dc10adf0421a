"""One in fifty of the tries of `make fuzz`, in every run of the tests."""

import configs
import stores


def test_no_random_config_ends_without_a_sentence_or_a_true_status():
    assert not list(configs.attack(200, seed=0))


def test_no_damaged_store_is_believed_or_breaks_another_run(monkeypatch):
    # The command line writes where the tests must not.
    monkeypatch.setenv("OVERPARAM_RUNS", "runs")
    assert not list(stores.attack(10, seed=0))
