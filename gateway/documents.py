"""Documents by what names them: their text, the hash of one sent before, or an id of the manifest of trusted ones."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from gateway.settings import Settings, SettingsError

# Persisted by the callers themselves, so bounded: some thousand documents of usual size.
PERSISTED_CHARACTERS_MAX = 4_000_000
DOCUMENT_ID_LENGTH_MAX = 200  # A hash in hexadecimal digits with its algorithm has 71.

NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
NOT_TRUSTED = "DOCUMENT_NOT_TRUSTED"
MISNAMED = "PERSISTED_QUERY_MISNAMED"


class NoDocument(Exception):  # noqa: N818  (it says what the request comes without)
    """The request names no document that is to be had here; the text says why, `code` so that a client can act."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Documents:
    """The texts of one process's documents.

    Automatic persisted queries as Apollo's clients send them: a hash alone, and where it is not known, the text beside
    it, once. Trusted documents are there from the start; where only those are admitted, nothing else is.
    """

    def __init__(self, settings: Settings) -> None:
        self._trusted = read_manifest(settings.trusted_documents) if settings.trusted_documents else {}
        self._trusted_texts = frozenset(self._trusted.values())
        self._only_trusted = settings.trusted_only
        self._persisted: OrderedDict[str, str] = OrderedDict()
        self._characters = 0

    def text(self, text: str | None, name: str | None) -> str | None:
        """The text of a request with this one, or what stands for it; None where it has neither. Raises NoDocument."""
        if name is None:
            return self._admitted(text)
        if text is None:
            return self._named(name)
        if hashlib.sha256(text.encode()).hexdigest() != name:
            raise NoDocument("The hash is not the SHA-256 of the document beside it.", MISNAMED)
        admitted = self._admitted(text)
        self._persist(name, text)
        return admitted

    def is_trusted(self, text: str) -> bool:
        return text in self._trusted_texts

    def _admitted(self, text: str | None) -> str | None:
        if self._only_trusted and text is not None and text not in self._trusted_texts:
            raise NoDocument("Only the documents of the manifest are answered here.", NOT_TRUSTED)
        return text

    def _named(self, name: str) -> str:
        text = self._trusted.get(name) or self._persisted.get(name)
        if text is None:
            # The very words by which clients know that they are to send the text.
            raise NoDocument("PersistedQueryNotFound", NOT_FOUND)
        if name in self._persisted:
            self._persisted.move_to_end(name)
        return text

    def _persist(self, name: str, text: str) -> None:
        if name in self._persisted or name in self._trusted:
            return
        self._persisted[name] = text
        self._characters += len(text)
        while self._characters > PERSISTED_CHARACTERS_MAX:
            self._characters -= len(self._persisted.popitem(last=False)[1])


def name_of(given: Mapping[str, Any]) -> str | None:
    """What stands for a request's text: the draft specification's `documentId`, else Apollo's `persistedQuery`.

    None where nothing does. Raises NoDocument where it is no name.
    """
    name, persisted = given.get("documentId"), (given.get("extensions") or {}).get("persistedQuery")
    if name is None and isinstance(persisted, dict):
        name = persisted.get("sha256Hash")
    if name is None:
        return None
    if not isinstance(name, str) or not 0 < len(name) <= DOCUMENT_ID_LENGTH_MAX:
        raise NoDocument("A document's id is a text: its SHA-256, or its id in the manifest.", NOT_FOUND)
    return name.removeprefix("sha256:")


def read_manifest(file: Path) -> dict[str, str]:
    """Documents by id, of a manifest as Apollo's tools write it, or of a plain object of ids and texts.

    Raises SettingsError where there is none that can be read.
    """
    try:
        given = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise SettingsError(f"The manifest of trusted documents, {file}, cannot be read: {error}.") from error
    if isinstance(given, dict) and isinstance(given.get("operations"), list):
        pairs = [
            (each.get("id"), each.get("body")) if isinstance(each, dict) else (None, None)
            for each in given["operations"]
        ]
    else:
        pairs = list(given.items()) if isinstance(given, dict) else []
    texts = {id_.removeprefix("sha256:"): body for id_, body in pairs if isinstance(id_, str) and isinstance(body, str)}
    if not texts or len(texts) < len(pairs):
        raise SettingsError(f'{file} is no manifest: {{"operations": [{{"id": …, "body": …}}]}} or {{id: text}} is.')
    # Whoever has the text may name it by its hash, whatever the manifest calls it.
    return {hashlib.sha256(text.encode()).hexdigest(): text for text in texts.values()} | texts
