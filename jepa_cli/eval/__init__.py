"""`jepa eval`: what is asked for, the evaluation, and how it is shown."""
