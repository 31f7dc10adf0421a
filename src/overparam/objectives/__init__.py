"""Losses, penalties, and the labels that they take."""
