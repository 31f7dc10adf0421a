"""How long XLA compiles, which is part of the seconds of a run."""


class CompileClock:
    """Adds up the seconds that XLA spends compiling in this process."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def listen(self) -> None:
        """Begin to listen."""
        import jax

        jax.monitoring.register_event_duration_secs_listener(self._hear)

    def _hear(self, event: str, duration_secs: float, **_: str | int) -> None:
        if event.startswith("/jax/core/compile/"):
            self.seconds += duration_secs
