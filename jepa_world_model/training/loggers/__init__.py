"""Services that a run can be logged to, in addition to metrics.jsonl."""
