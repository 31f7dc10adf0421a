"""The user's folder for all that can be made or fetched again."""

from pathlib import Path


def user_cache() -> Path:
    """The folder, where the platform keeps caches: data sets, compiled programs."""
    import pooch

    return Path(pooch.os_cache("overparam"))
