"""The flow `catalogue`: a token from a Prefect Secret block, and a source that fails."""

import pytest
from prefect.blocks.system import Secret

from flows.catalogue import catalogue
from proxylm.catalogue import read_catalogue
from proxylm.errors import ProxyLMError
from tests.hub_server import HubServer, serving
from warehouse.home import Home

pytestmark = pytest.mark.usefixtures("prefect_server")

POLICY = """
sources:
  - {name: gone, type: hub-dataset, dataset: acme/gone, corpus: chat, token: {secret: no-such}}
  - {name: hub, type: hub-model, task: mt, models: [acme/mt], token: {secret: hub-token}}
models:
  - {role: proxy, task: mt, mode: fine_tuned, kinds: [encoder-decoder], max_parameters: 1000000000,
     recipe: paper-small100, licences: [mit]}
"""


def test_what_is_admitted_is_registered_although_another_source_fails(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.catalogue / "policy.yaml").write_text(POLICY)
    Secret(value="hf_planted").save("hub-token", _sync=True)
    with serving(HubServer(token="hf_planted")) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.add_model("acme/mt", "a" * 40)
        with pytest.raises(ProxyLMError, match="sources that failed: gone"):
            catalogue(home=str(home.path))
    assert [request.authorization for request in hub.requests] == ["Bearer hf_planted"]
    assert read_catalogue(home.catalogue).models[0].id == "mt"
    found = [p for p in home.path.rglob("*") if p.is_file() and b"hf_planted" in p.read_bytes()]
    assert found == []
