"""Drawing with matplotlib, which is imported when the first figure is drawn. Knows no run."""
