"""The sections of the report, one a file: its tables, its figures and their captions."""
