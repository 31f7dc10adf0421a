"""Where training goes as width grows or time scales separate."""
