"""Writing a finished run for other tools: a table of curves, TensorBoard, MLflow."""
