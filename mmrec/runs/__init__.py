"""What a run leaves behind: its folder, records, manifest and studies."""
