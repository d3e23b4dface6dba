"""`jepa render-flow`: the request, the measurement and the drawing."""
