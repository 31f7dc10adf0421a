"""`overparam completion SHELL`: words that the shell can complete."""

import dataclasses
from collections.abc import Sequence

from ...reproductions.registry import REPRODUCTIONS
from ...studies.analyses import ANALYSES
from ...studies.registry import STUDIES, study
from ..arguments import take_name
from ..main import VERBS


_BASH = """_overparam() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" verb="${{COMP_WORDS[1]}}"
  local name="${{COMP_WORDS[2]}}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{verbs}" -- "$word")); return
  fi
  case "$verb $name" in
{options}
  esac
  case "$verb" in
    run|sweep|describe) COMPREPLY=($(compgen -f -W "{studies}" -- "$word"));;
    reproduce) COMPREPLY=($(compgen -W "{reproductions}" -- "$word"));;
    analyse) COMPREPLY=($(compgen -f -W "{analyses}" -- "$word"));;
    data) COMPREPLY=($(compgen -W "list fetch verify" -- "$word"));;
    cite) COMPREPLY=($(compgen -W "overparam {studies}" -- "$word"));;
    *) COMPREPLY=($(compgen -f -- "$word"));;
  esac
}}
complete -o default -F _overparam overparam
"""

_ZSH = """#compdef overparam
autoload -Uz bashcompinit && bashcompinit
"""

_FISH = """complete -c overparam -n __fish_use_subcommand -f -a "{verbs}"
complete -c overparam -n "__fish_seen_subcommand_from run sweep describe" -a "{studies}"
complete -c overparam -n "__fish_seen_subcommand_from reproduce" -a "{reproductions}"
complete -c overparam -n "__fish_seen_subcommand_from analyse" -a "{analyses}"
complete -c overparam -n "__fish_seen_subcommand_from data" -a "list fetch verify"
"""


def main(argv: Sequence[str]) -> int:
    """Print a completion script."""
    if argv and argv[0] in ("-h", "--help"):
        print(
            "usage: overparam completion {bash,zsh,fish}\n\nExamples:\n"
            "  overparam completion bash >> ~/.bash_completion\n"
            "  overparam completion fish > ~/.config/fish/completions/overparam.fish"
        )
        return 0
    shell = take_name(argv, what="shell", choices=["bash", "zsh", "fish"])
    words = {
        "verbs": " ".join(VERBS),
        "studies": " ".join(STUDIES),
        "reproductions": " ".join(REPRODUCTIONS),
        "analyses": " ".join(ANALYSES),
    }
    if shell == "fish":
        print(_FISH.format(**words), end="")
        return 0
    options = "\n".join(_case(name) for name in STUDIES)
    print(_ZSH if shell == "zsh" else "", end="")
    print(_BASH.format(options=options, **words), end="")
    return 0


def _case(name: str) -> str:
    fields = dataclasses.fields(study(name).config_class())
    flags = " ".join(f"--{field.name.replace('_', '-')}" for field in fields)
    keys = " ".join(f"{field.name}=" for field in fields)
    return (
        f'    "run {name}"|"describe {name}") '
        f'COMPREPLY=($(compgen -W "{flags}" -- "$word")); return;;\n'
        f'    "sweep {name}") '
        f'COMPREPLY=($(compgen -W "{keys}" -- "$word")); return;;'
    )
