"""How the recorded files of each model are replayed; a module per model, named in lower case."""
