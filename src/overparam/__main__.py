"""Entry of the command line; heavy imports wait until a verb needs them."""

import os
import signal
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    # OpenBLAS collapses when its threads are oversubscribed by XLA's; it reads these
    # variables once, when NumPy is first imported.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from .cli.streams import prepare_streams

    # Before any file is opened that could take the number of a closed stream.
    prepare_streams()
    from .processes import STOP

    # Before anything heavy is imported, so that a signal never meets an import.
    STOP.install(signal.SIGINT, signal.SIGTERM)
    from .cli.main import run_command

    sys.exit(run_command(sys.argv[1:]))


if __name__ == "__main__":
    main()
