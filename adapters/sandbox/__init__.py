"""The sandbox. Owns: the bubblewrap backend and everything a box is made of. Imports: core. Effects: none here."""
