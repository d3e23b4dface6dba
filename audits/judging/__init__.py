"""What a gradient is worth: real, rounding noise, zero for now, lost to precision, no derivative of its loss."""
