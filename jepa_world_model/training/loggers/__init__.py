"""Services that a run can be logged to, beside its own metrics.jsonl."""
