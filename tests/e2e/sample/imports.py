"""Sample imports: one dataset of prices with a hole, and what its file said."""

from __future__ import annotations

import math
import random

from forecasting.models import Dataset, ImportedDataset, ImportedFile, ImportedPrice
from tests.e2e.sample.base import DAY, HEAD_TIME, hash_of

HOUR = 3_600
DAYS = 60
HOLE = range(24 * 20 + 1, 24 * 23 + 1)  # hours that the source does not have


def imports(rng: random.Random) -> ImportedDataset:
    found = ImportedDataset.objects.create(kind="prices", source="binance")
    rows, price = [], 60_000.0
    for hour in range(1, DAYS * 24 + 1):
        price *= math.exp(rng.gauss(0, 0.006))
        if hour not in HOLE:
            rows.append(
                ImportedPrice(
                    dataset=found,
                    version=1,
                    asset="BTC",
                    quote="USDT",
                    span=HOUR,
                    timestamp=(HEAD_TIME - DAYS * DAY + hour * HOUR) * 10**6,
                    open=round(price, 2),
                    high=round(price * 1.002, 2),
                    low=round(price * 0.998, 2),
                    close=round(price, 2),
                    volume=12,
                )
            )
    ImportedPrice.objects.bulk_create(rows)
    result = Dataset.objects.create(
        hash=hash_of("import"),
        kind="prices",
        first_timestamp=rows[0].timestamp // 10**6,
        last_timestamp=rows[-1].timestamp // 10**6,
        rows=len(rows),
        block_number=0,
        facts={"name": "prices/binance"},
    )
    ImportedFile.objects.create(
        dataset=found,
        number=1,
        version=1,
        name="candles_1h_BTC.parquet",
        sha256=hash_of("file")[2:],
        rows=len(rows),
        added=len(rows),
        merged=0,
        first_time=rows[0].timestamp,
        last_time=rows[-1].timestamp,
        intent={"asset": "BTC", "quote": "USDT"},
        reading={"time": "ts"},
        flags=[{"code": "gaps", "rows": 1, "row": 480, "sentence": "bars are missing before 3 rows"}],
        importer=hash_of("code")[2:],
        content=b"\0" * 32,
        result=result,
    )
    return found
