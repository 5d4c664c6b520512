from __future__ import annotations

import pytest
from django.db import connection

from governance.services.postgres import Database


@pytest.mark.django_db
def test_the_server_answers_with_our_time_outs():
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("5min",)
        cursor.execute("SHOW listen_addresses")
        assert cursor.fetchone() == ("",)


def test_starting_twice_finds_the_running_server(database_server):
    again = Database(durable=False).start()
    assert again.running
    assert again.pid == database_server.pid
