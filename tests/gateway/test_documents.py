"""Documents named by what stands for them: a hash of one sent before, or an id of the manifest."""

import hashlib
import json

import pytest

from gateway import documents
from gateway.documents import Documents, NoDocument, read_manifest
from gateway.settings import SettingsError, read_settings

HELLO = "{ hello }"
NEWER = "application/graphql-response+json"


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def persisted(text, **more):
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha(text)}}, **more}


@pytest.fixture
def manifest(tmp_path):
    file = tmp_path / "manifest.json"
    operations = [{"id": "hello-1", "body": HELLO, "name": "Hello", "type": "query"}]
    file.write_text(json.dumps({"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}))
    return file


def test_a_client_sends_the_hash_then_the_text_and_from_then_on_the_hash(client):
    gateway = client()

    unknown = gateway.post("/graphql", json=persisted(HELLO), headers={"Accept": "application/json"})
    taught = gateway.post("/graphql", json=persisted(HELLO, query=HELLO))
    known = gateway.post("/graphql", json=persisted(HELLO))

    assert unknown.status_code == 200
    assert unknown.json() == {
        "errors": [{"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}]
    }
    assert taught.json() == known.json() == {"data": {"hello": "hello world"}}


def test_a_known_hash_may_be_asked_by_get(client):
    gateway = client()
    gateway.post("/graphql", json=persisted(HELLO, query=HELLO))

    answer = gateway.get("/graphql", params={"extensions": json.dumps(persisted(HELLO)["extensions"])})

    assert answer.json() == {"data": {"hello": "hello world"}}


def test_a_hash_that_is_not_the_documents_teaches_nothing(client):
    gateway = client()

    wrong = gateway.post("/graphql", json=persisted(HELLO, query="{ language }"), headers={"Accept": NEWER})
    after = gateway.post("/graphql", json=persisted(HELLO), headers={"Accept": NEWER})

    assert (wrong.status_code, wrong.json()["errors"][0]["extensions"]["code"]) == (400, "PERSISTED_QUERY_MISNAMED")
    assert after.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize("name", ["hello-1", sha(HELLO), f"sha256:{sha(HELLO)}"])
def test_a_trusted_document_is_known_from_the_start_by_its_id_and_its_hash(client, manifest, name):
    answer = client(trusted_documents=manifest).post("/graphql", json={"documentId": name})

    assert answer.json() == {"data": {"hello": "hello world"}}


def test_where_only_trusted_documents_are_admitted_no_other_is_answered_in_any_way(client, manifest):
    gateway = client(trusted_documents=manifest, trusted_only=True)

    def codes(**asked):
        return [each["extensions"]["code"] for each in gateway.post("/graphql", json=asked).json().get("errors", [])]

    assert codes(query=HELLO) == codes(documentId="hello-1") == []
    assert codes(query="{ language }") == ["DOCUMENT_NOT_TRUSTED"]
    assert codes(query="{ __typename }") == ["DOCUMENT_NOT_TRUSTED"]
    assert codes(**persisted("{ language }", query="{ language }")) == ["DOCUMENT_NOT_TRUSTED"]
    assert codes(**persisted("{ language }")) == ["PERSISTED_QUERY_NOT_FOUND"]


def test_over_a_socket_too_only_trusted_documents_are_admitted(client, manifest):
    gateway = client(trusted_documents=manifest, trusted_only=True)
    with gateway.websocket_connect("/graphql", subprotocols=["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        socket.receive_json()
        socket.send_json({"type": "subscribe", "id": "1", "payload": {"query": "subscription { ticks(until: 1) }"}})
        refused = socket.receive_json()
        socket.send_json({"type": "subscribe", "id": "2", "payload": {"documentId": "hello-1"}})
        answered = socket.receive_json()

    assert refused["payload"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"
    assert answered["payload"] == {"data": {"hello": "hello world"}}


def test_a_trusted_document_may_be_as_big_as_for_a_caller_with_a_token(client, manifest):
    gateway = client(trusted_documents=manifest, anonymous_cost_max=1, anonymous_root_fields_max=1)
    big = "{ hello language }"

    trusted = gateway.post("/graphql", json={"query": HELLO})
    other = gateway.post("/graphql", json={"query": big})

    assert "errors" not in trusted.json()
    assert {each["extensions"]["code"] for each in other.json()["errors"]} == {"TOO_BIG_COST", "TOO_BIG_ROOT_FIELDS"}


def test_documents_that_callers_persist_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(documents, "PERSISTED_CHARACTERS_MAX", 30)
    kept = Documents(read_settings())
    texts = [f"{{ hello{number} }}" for number in range(5)]

    for text in texts:
        kept.text(text, sha(text))

    assert kept.text(None, sha(texts[-1])) == texts[-1]
    with pytest.raises(NoDocument):
        kept.text(None, sha(texts[0]))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"operations": [{"id": "a"}]}', '{"a": 1}', '{"operations": ["a"]}', "{"]
)
def test_a_file_that_is_no_manifest_stops_the_process_before_it_serves(tmp_path, text):
    file = tmp_path / "manifest.json"
    file.write_text(text)

    with pytest.raises(SettingsError, match=r"manifest\.json"):
        read_manifest(file)


def test_a_plain_object_of_ids_and_texts_is_a_manifest_too(tmp_path):
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps({"a1": HELLO}))

    assert read_manifest(file) == {"a1": HELLO, sha(HELLO): HELLO}


def test_admitting_nothing_but_trusted_documents_needs_some():
    with pytest.raises(SettingsError, match="ORDERLOOM_TRUSTED_DOCUMENTS"):
        read_settings(trusted_only=True)
