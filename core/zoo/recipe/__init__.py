"""A TOML document, read, checked and turned into a Recipe."""
