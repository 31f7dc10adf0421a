"""Stored runs in the formats of other tools, written after the fact and offline."""
