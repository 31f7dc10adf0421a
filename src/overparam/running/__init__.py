"""From a config to a stored outcome; nothing is printed here."""
