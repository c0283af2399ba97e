"""sphinx-needs: `needs.json`, read and written, and the edits of an imported one."""
