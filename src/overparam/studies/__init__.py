"""The questions; `STUDIES` names them."""
