"""The audit in somebody's own tests: what the fixture `gradient_flow` does."""
