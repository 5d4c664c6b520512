"""What Breakwater is measured by; each module prints its figures in one run."""
