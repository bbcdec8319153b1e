"""Our questions, for other tools to ask."""
