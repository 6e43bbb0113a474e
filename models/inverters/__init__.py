"""What inverters do by their standards: functions, ride-through, trips."""
