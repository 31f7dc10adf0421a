"""`overparam completion SHELL`: words that the shell can complete."""

import importlib
import shlex
from collections.abc import Sequence
from typing import Any

from ...field_values import field_names
from ...studies.registry import STUDIES, study
from ..arguments import take_name
from ..main import VERBS
from ..options import flags


_BASH = """_overparam() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" verb="${{COMP_WORDS[1]}}" subject="" other
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W {verbs} -- "$word")); return
  fi
  local subjects="" words=""
  case "$verb" in
{subjects}
  esac
  for other in "${{COMP_WORDS[@]:2:COMP_CWORD-2}}"; do
    case " $subjects " in *" $other "*) [ -n "$subject" ] || subject="$other";; esac
  done
  case "$verb $subject" in
{words}
  esac
  [ -n "$subject" ] || words="$subjects $words"
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _overparam overparam
"""

_ZSH = """#compdef overparam
autoload -Uz bashcompinit && bashcompinit
"""


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject: none."""
    return {"bash": [], "zsh": [], "fish": []}


def main(argv: Sequence[str]) -> int:
    """Print a completion script."""
    if argv and argv[0] in ("-h", "--help"):
        print(
            "usage: overparam completion {bash,zsh,fish}\n\nExamples:\n"
            "  overparam completion bash >> ~/.bash_completion\n"
            "  overparam completion fish > ~/.config/fish/completions/overparam.fish"
        )
        return 0
    shell = take_name(argv, what="shell", choices=list(forms()))
    scripts = {"bash": _bash, "zsh": lambda: _ZSH + _bash(), "fish": _fish}
    print(scripts[shell](), end="")
    return 0


def completed() -> dict[str, dict[str, list[str]]]:
    """By verb and subject the words that complete it, as the parsers take them."""
    found = {}
    for verb in VERBS:
        forms = importlib.import_module(f".{verb}", __package__).forms()
        found[verb] = {
            subject: flags(kinds) + ["--help"] * bool(kinds)
            for subject, kinds in forms.items()
        }
    for name in STUDIES:
        names = field_names(study(name).config_class())
        found["sweep"][name] = [f"{field}=" for field in names] + found["sweep"][name]
    return found


def _bash() -> str:
    found = completed()
    subjects = [
        f"    {verb}) subjects={_quoted(filter(None, words))};;"
        for verb, words in found.items()
    ]
    cases = [
        f'    "{verb} {subject}") words={_quoted(those)};;'
        for verb, words in found.items()
        for subject, those in words.items()
    ]
    return _BASH.format(
        verbs=_quoted(VERBS), subjects="\n".join(subjects), words="\n".join(cases)
    )


def _fish() -> str:
    lines = [f"complete -c overparam -n __fish_use_subcommand -f -a {_quoted(VERBS)}"]
    for verb, words in completed().items():
        seen = f"__fish_seen_subcommand_from {verb}"
        if subjects := list(filter(None, words)):
            lines.append(f"complete -c overparam -n '{seen}' -a {_quoted(subjects)}")
        for subject, those in words.items():
            also = f"; and __fish_seen_subcommand_from {subject}" if subject else ""
            if those:
                lines.append(
                    f"complete -c overparam -n '{seen}{also}' -a {_quoted(those)}"
                )
    return "\n".join(lines) + "\n"


def _quoted(words: Any) -> str:
    return shlex.quote(" ".join(words))
