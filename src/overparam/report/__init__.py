"""Stored runs as one page to read: figures, tables, claims; no science in here."""
