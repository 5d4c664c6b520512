"""Backtests: one kind a file, found by looking; see `forecasting.backtests.base`."""
