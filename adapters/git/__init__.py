"""Git on the host and in boxes. Owns: the port `Git`. Imports: core, GitPython. Effects: none on import."""
