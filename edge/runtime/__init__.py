"""What every process stands on: clock, pump, logs, the link, the supervisor channel, process start."""
