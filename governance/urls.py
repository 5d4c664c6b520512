"""All addresses of the web interface; each floor lists its own."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("proposals.routes")),
    path("", include("forecasting.routes")),
    path("", include("governance.routes")),
]
handler404 = "governance.views.not_found"
handler500 = "governance.views.broken"
