"""`report.pdf`: the page as it is printed, by WeasyPrint, which is an extra."""

from ...errors import OutputError

MISSING = (
    "--pdf needs WeasyPrint and its libraries ({reason}): pip install 'gliomasam[pdf]', or open report.html in a "
    "browser and print it"
)


def check_printing() -> None:
    """Raise `OutputError` where WeasyPrint or the libraries under it are missing."""
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError) as error:
        raise OutputError(MISSING.format(reason=str(error).splitlines()[0])) from error


def printed(page: str) -> bytes:
    """A page as PDF. Nothing is fetched: all it shows is inside it."""
    check_printing()
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    return bytes(HTML(string=page, url_fetcher=URLFetcher(allowed_protocols=("data",))).write_pdf())
