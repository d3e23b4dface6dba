"""What a forward pass computes from what: named values, and the links between modules, states, inputs and losses."""
