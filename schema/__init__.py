"""What clients see: types, inputs, payloads and the three roots. Decides nothing."""
