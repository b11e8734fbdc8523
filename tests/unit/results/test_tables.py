"""The tables that are made of finished logs."""

from pathlib import Path

import pytest

from ssd_live.errors import UsageError
from ssd_live.results.tables import TABLES, check_table, write_tables


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_a_csv_file(name: str) -> None:
    check_table(name, Path("a.CSV"))
    with pytest.raises(UsageError, match=rf"the table of {name} .* end the name in \.csv"):
        check_table(name, Path("a.json"))


def test_each_table_of_no_logs_has_its_columns(tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.csv" for name in TABLES}
    assert write_tables([], paths) == dict.fromkeys(TABLES, 0)
    headers = {path.read_text().strip() for path in paths.values()}
    assert len(headers) == len(TABLES)
    assert all(header.startswith("source,") for header in headers)
