"""The manager's pages of alarms: how they perform, what raises them, when they are out of service."""
