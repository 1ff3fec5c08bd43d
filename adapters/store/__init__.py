"""The database: events, effects, loops, asks, people, the graph. Its one door is `adapters.store.store.SqlStore`."""
