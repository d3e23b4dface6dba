"""`jepa audit-grads`: what it is asked for, the audit, and how it is shown."""
