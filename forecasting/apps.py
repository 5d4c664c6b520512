"""Django's entry to this floor."""

from django.apps import AppConfig


class ForecastingConfig(AppConfig):
    """The `forecasting` app."""

    name = "forecasting"
