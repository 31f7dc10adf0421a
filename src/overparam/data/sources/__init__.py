"""Streams of samples, planted data and designs."""
