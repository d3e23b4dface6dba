"""Goals reached in the real environment, with the model alone: tasks, planners, and attempts."""
