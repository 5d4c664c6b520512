"""Django's entry to this floor."""

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    """The `governance` app."""

    name = "governance"
