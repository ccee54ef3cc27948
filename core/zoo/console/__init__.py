"""What a person reads on a terminal: progress, quoting for a shell. May import: errors."""
