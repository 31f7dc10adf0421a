"""The questions: one frozen config and one `run(config, context)` each."""
