"""The built-in chat: a room that is kept in the home directory and shared over a unix socket."""
