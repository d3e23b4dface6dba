"""`jepa runs`: runs listed and compared."""
