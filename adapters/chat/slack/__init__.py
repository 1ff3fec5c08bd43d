"""The Slack adapter. Owns: nothing itself; see `plugin.py` for the way in. Imports: nothing. Effects: none."""
