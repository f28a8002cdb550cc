"""What the scripts that repeat published and recorded runs have in common."""
