"""One file for each verb: `main(argv)` returns the exit code."""
