"""The exceptions users meet, each with the exit code of the command line."""


class OverparamError(Exception):
    """Base of every error that overparam raises on purpose; its text is a sentence."""

    exit_code = 1


class ConfigError(OverparamError, ValueError):
    """A value the user gave cannot be used."""

    exit_code = 2


class DataError(OverparamError):
    """A data file is missing, truncated, altered or of the wrong shape."""

    exit_code = 3


class SolverError(OverparamError):
    """A solver could not give the answer it was asked for."""


class StoreError(OverparamError):
    """A stored run cannot be read or written."""


class PluginWarning(UserWarning):
    """Something of an installed package cannot be used and is left out."""


class Interrupted(KeyboardInterrupt):
    """A run was asked to stop; what it needs to go on is in its checkpoint.

    Like every interrupt it passes `except Exception`, so that it is never taken for a
    run that failed.

    Attributes:
        exit_code: 130 after an interrupt from the keyboard, 143 after a termination.
    """

    def __init__(self, message: str, *, exit_code: int = 143) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[object, ...]:
        return _interrupted, (str(self), self.exit_code)


def _interrupted(message: str, exit_code: int) -> Interrupted:
    return Interrupted(message, exit_code=exit_code)
