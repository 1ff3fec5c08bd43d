"""Discord: slash commands, threads, buttons and forms through discord.py."""
