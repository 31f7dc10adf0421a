"""Some of the command lines that the fuzzer tries, in every run of the tests."""

from command_lines import attack


def test_no_random_command_line_ends_without_an_answer_or_a_sentence():
    assert not list(attack(60, seed=0))
