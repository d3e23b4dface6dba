"""`jepa data`: what a data set is, and data sets converted to the open format."""
