"""`jepa collect`: an environment, a policy, and the data set that they make."""
