"""What the options of `jepa render-flow` may be. Read at every start, so it imports nothing."""

SUFFIXES = {
    "svg": (".svg",),
    "png": (".png",),
    "pdf": (".pdf",),
    "html": (".html", ".htm"),
    "dot": (".dot", ".gv"),
    "mermaid": (".mmd", ".mermaid"),
    "text": (".txt",),
}
"""Formats, and the endings of files that say so."""
MODEL, LOSS, MATRIX = VIEWS = ("model", "loss", "matrix")
