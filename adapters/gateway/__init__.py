"""The only two ways out of a box: the model's socket and the egress socket. Imports: nothing. Effects: none."""
