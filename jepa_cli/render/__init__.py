"""`jepa render-flow`: what is asked for, measured and drawn."""
