"""The operations of the back office, as a build writes them, are taken as trusted documents."""

import pytest

from atrium import document_admin
from atrium.settings import Settings
from atrium.web.built_pages import BACKOFFICE
from tests.conftest import Urls

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.usefixtures("node", "pages")
async def test_operations_of_a_build_can_be_stored(urls: Urls) -> None:
    add = document_admin.DocumentsAction.ADD
    report = await document_admin.run(add, [BACKOFFICE.name], urls.owner, Settings())
    assert report.is_good, report.messages
    again = await document_admin.run(add, [BACKOFFICE.name], urls.owner, Settings())
    assert again.messages[0].startswith("0 trusted documents added")
