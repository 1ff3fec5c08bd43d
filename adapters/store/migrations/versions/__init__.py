"""One module per revision of the schema, oldest first. Owns: nothing. Imports: nothing. Effects: none."""
