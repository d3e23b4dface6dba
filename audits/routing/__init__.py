"""Routing between module calls: which output reaches which call or loss, live or stopped, however it is spelt."""
