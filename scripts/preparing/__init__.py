"""What the scripts that prepare data have in common; no part of the installed package."""
