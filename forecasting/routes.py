"""Addresses of this floor's pages."""

from __future__ import annotations

from django.urls import path

from forecasting import views, views_lab

urlpatterns = [
    path("reserves/", views.market_list, name="market-list"),
    path("accounts/", views.accounts, name="accounts"),
    path("accounts/<str:address>/", views.account, name="account"),
    path("liquidations/", views.liquidations, name="liquidations"),
    path("forecasts/", views.forecasts, name="forecasts"),
    path("models/", views.models, name="models"),
    path("models/<int:number>/", views.model, name="model"),
    path("league/", views.league, name="league"),
    path("tails/", views.tails, name="tails"),
    path("lab/", views_lab.lab, name="lab"),
    path("lab/<int:number>/", views_lab.simulation, name="simulation"),
    path("warning/", views_lab.warning, name="warning"),
    path("datasets/", views.datasets, name="datasets"),
    path("datasets/<str:kind>/<str:source>/", views.dataset, name="dataset"),
]
