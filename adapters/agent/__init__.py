"""Claude sessions behind the AgentRunner port. Entry points: runner.Sessions, managed.settings, managed.environment."""
