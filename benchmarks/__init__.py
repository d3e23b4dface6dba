"""Every figure on speed in the documentation is measured by a file in this folder, as a ratio within one run."""
