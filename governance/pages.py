"""One way to answer with a page: its HTML, or one of its tables as CSV when the address ends in ``?csv=<slug>``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404, HttpResponse
from django.shortcuts import render

from governance.exhibits import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest


def page(request: HttpRequest, template: str, context: Mapping[str, object]) -> HttpResponse:
    """Render ``template``, or download the table of ``context`` that the request names.

    Raises
    ------
    django.http.Http404
        When the page has no table of that name.
    """
    wanted = request.GET.get("csv")
    if wanted is None:
        return render(request, template, dict(context))
    for table in tables(context.values()):
        if table.slug == wanted:
            return download(f"{table.slug}.csv", table.as_csv().encode(), "text/csv; charset=utf-8")
    message = "This page has no such table."
    raise Http404(message)


def download(name: str, body: bytes, content_type: str) -> HttpResponse:
    """Return ``body`` as a file to save."""
    return HttpResponse(
        body, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="breakwater-{name}"'}
    )
