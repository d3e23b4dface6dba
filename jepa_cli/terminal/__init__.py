"""What all commands share: options, errors, files that are written, and text on a terminal."""
