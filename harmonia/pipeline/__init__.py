"""The whole experiment: settings, stages with content addresses, a run directory that resumes."""
