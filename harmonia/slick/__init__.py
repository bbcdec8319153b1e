"""What a model knows of questions that are answered in words, by SliCK's categories."""
