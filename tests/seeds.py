"""The seed of random problems: another one draws others (`SEED=1 make test`)."""

import os


SEED = int(os.environ.get("SEED", "0"))
