"""The built-in metrics. A module added here is found without further registration."""
