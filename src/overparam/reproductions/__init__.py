"""The published figures and tables, with their claims."""
