"""Addresses of this floor's pages."""

from __future__ import annotations

from django.urls import path, register_converter

from proposals import views


class HashConverter:
    """A 32-byte hash in hexadecimal."""

    regex = "0x[0-9a-f]{64}"

    def to_python(self, value: str) -> str:
        """Return the hash as it stands in the database."""
        return value

    def to_url(self, value: str) -> str:
        """Return the hash as it stands in an address."""
        return value


register_converter(HashConverter, "hash")

urlpatterns = [
    path("", views.home, name="home"),
    path("reserves/<int:pk>/", views.market, name="market"),
    path("recommendations/", views.recommendation_list, name="recommendation-list"),
    path("recommendations/<int:pk>/", views.recommendation, name="recommendation"),
    path("drafts/<int:pk>/", views.draft, name="draft"),
    path("proposals/", views.proposal_list, name="proposal-list"),
    path("proposals/<int:pk>/", views.proposal, name="proposal"),
    path("evidence/<hash:report_hash>/", views.evidence, name="evidence"),
    path("evidence/<hash:report_hash>.json", views.evidence_bytes, name="evidence-bytes"),
    path("outcomes/", views.outcome_list, name="outcome-list"),
    path("outcomes/<int:pk>/", views.outcome, name="outcome"),
    path("policy/", views.policy, name="policy"),
]
