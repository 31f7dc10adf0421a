"""Thin verbs of the command line."""
