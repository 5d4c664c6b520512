"""Addresses of this floor's pages."""

from __future__ import annotations

from django.urls import path

from governance import views

urlpatterns = [
    path("executor/", views.executor, name="executor"),
    path("status/", views.status, name="status"),
    path("healthz", views.alive, name="alive"),
    path("metrics", views.measures, name="metrics"),
]
