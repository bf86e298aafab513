"""The report of a follow-up: JSON, a table, pictures, and one HTML page, written whole or not at all.

`check_report_folder` tells before the work whether the report can be written; `write_report_folder` writes it. Pictures
and page are imported when they are made, as they need matplotlib and Jinja2.

For research only, not for clinical use.
"""

from .folder import WrittenReport, check_report_folder, write_report_folder
from .table import measurements_csv
from .values import report_json

__all__ = ["WrittenReport", "check_report_folder", "measurements_csv", "report_json", "write_report_folder"]
