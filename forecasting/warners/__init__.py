"""Warnings of liquidations as registered models: trained, judged, published, scored and watched."""
