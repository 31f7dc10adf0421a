"""Figures and tables of Fang, Dong and Zhang (2019)."""
