"""Tails of returns on standardised residuals: one method a file, every forecast from earlier days alone."""
