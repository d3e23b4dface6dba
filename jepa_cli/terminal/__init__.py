"""What all commands share: options, errors, where files may be written, and text on a terminal."""
