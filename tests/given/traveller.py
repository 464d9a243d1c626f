"""A browser that goes to the OpenID provider and comes back, step by step."""

import html
import re

import requests
from given.office import Browser


class Traveller(Browser):
    """Somebody who signs in through the OpenID provider."""

    def leaves(self, there: str = "/") -> requests.Response:
        """Press the button of the sign-in page."""
        return self.post("/sign-in/openid", {"next": there}, page="/sign-in")

    def way_back(self, there: str = "/") -> str:
        """Leave, and be named by the provider: the path under which it leads back."""
        return self.named(self.leaves(there))

    def named(self, left: requests.Response) -> str:
        """The same, once left."""
        assert left.status_code == 200, told(left)
        asked = left.headers["Refresh"].removeprefix("0; url=")
        answer = requests.get(asked, allow_redirects=False, timeout=30)
        assert answer.status_code == 302
        there, path = answer.headers["Location"].split("/sign-in/", 1)
        assert there == self.url
        return f"/sign-in/{path}"

    def comes_back(self, path: str) -> requests.Response:
        """Be led back by another site, and come once more when asked to."""
        first = self.get(path, headers={"Sec-Fetch-Site": "cross-site"})
        assert (first.status_code, first.headers["Refresh"], first.content) == (200, "0", b"")
        return self.get(path, headers={"Sec-Fetch-Site": "same-origin"})

    def sign_in_there(self, there: str = "/") -> requests.Response:
        """All of it."""
        return self.comes_back(self.way_back(there))

    @property
    def signed_in(self) -> bool:
        return self.get("/").status_code == 200


def told(answer: requests.Response) -> str:
    """The sentence on a page that says what was wrong."""
    found = re.search(r'role="alert">([^<]*)<', answer.text)
    return html.unescape(found.group(1)) if found else ""
