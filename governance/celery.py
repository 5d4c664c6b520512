"""The Celery application: queues and the beat schedule, in code."""

from __future__ import annotations

import os

from celery import Celery

from governance.lease import LEASE, LeaseRenewal

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

app = Celery("breakwater")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,  # results live in PostgreSQL, never in the broker
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": LEASE,  # renewed while the worker lives
        "unacked_restore_interval": 5,  # seconds between two looks for tasks whose lease has ended
        "unacked_restore_throttle": 1,
    },
    task_time_limit=3000,
    task_soft_time_limit=2400,
    task_default_queue="collect",
    task_routes={
        "governance.tasks.*": {"queue": "collect"},
        "forecasting.tasks.collect": {"queue": "collect"},
        "forecasting.tasks.*": {"queue": "train"},
    },
    beat_schedule={
        # A tick that no worker took before the next one is worthless.
        "collect": {"task": "forecasting.tasks.collect", "schedule": 60.0, "options": {"expires": 55}},
        "spread": {"task": "governance.tasks.spread", "schedule": 60.0, "options": {"expires": 55}},
        "watch": {"task": "forecasting.tasks.watch", "schedule": 3600.0, "options": {"expires": 3500}},
        "warn": {"task": "forecasting.tasks.warn", "schedule": 3600.0, "options": {"expires": 3500}},
        "monitor": {"task": "forecasting.tasks.monitor", "schedule": 24 * 3600.0},
        "retrain": {"task": "forecasting.tasks.retrain", "schedule": 24 * 3600.0},
    },
)
app.steps["consumer"].add(LeaseRenewal)
app.autodiscover_tasks()
