"""What happens by the clock: cron triggers of APScheduler."""
