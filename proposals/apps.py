"""Django's entry to this floor."""

from django.apps import AppConfig


class ProposalsConfig(AppConfig):
    """The `proposals` app."""

    name = "proposals"
