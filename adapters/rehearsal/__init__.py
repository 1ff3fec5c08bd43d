"""The rehearsal model: a scripted Messages API on loopback. Owns: the offline far side of the agent. Imports: core, aiohttp. Effects: none.

`script` reads a TOML script, `asked` reads a request as a conversation, `checks` says what the real API would object to,
`wire` spells answers, `server` listens. `demo.toml` is the script of the demo.
"""
