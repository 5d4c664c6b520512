"""The interface's icons: strokes on a 16-pixel grid, drawn for this project."""

from __future__ import annotations

ICONS: dict[str, str] = {
    "check": "M3 8.5l3.2 3.2L13 4.8",
    "cross": "M4 4l8 8M12 4l-8 8",
    "warn": "M8 2.5l6 11H2zM8 6.5v3.2M8 11.6v.1",
    "info": "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2M8 7.4v3.4M8 5.2v.1",
    "clock": "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2M8 5v3.2l2.2 1.4",
    "dot": "M8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6",
    "right": "M3 8h9.5M9 4.5L12.5 8 9 11.5",
    "down": "M8 2.5v8M4.8 7.6L8 10.8l3.2-3.2M2.8 13.5h10.4",
    "copy": "M5.5 5.5h7v8h-7zM3.5 10.5v-8h7",
    "menu": "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
    "link": "M6 3H3v10h10v-3M9 3h4v4M13 3L7.5 8.5",
}

TONES: dict[str, str] = {"good": "check", "warn": "warn", "bad": "cross", "info": "clock", "quiet": "dot"}
