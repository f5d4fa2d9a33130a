"""Caches in botocore, which otherwise parses the same model again for each of ten thousand tests."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any, Final

import botocore.session
from botocore.client import ClientCreator
from botocore.hooks import EventAliaser
from botocore.loaders import Loader, create_loader

_CREATOR: Final[Any] = ClientCreator
_ALIASER: Final[Any] = EventAliaser
_create_client_class: Final[Any] = _CREATOR._create_client_class
_load_service_model: Final[Any] = _CREATOR._load_service_model
_copy: Final[Any] = _ALIASER.__copy__
_models: Final[dict[tuple[Loader, str | None], Any]] = {}
_classes: Final[dict[Any, type]] = {}


def _model_loaded_once(self: Any, service_name: str, api_version: str | None = None) -> Any:
    """Return the model of cognito-idp, whose shapes and operations botocore creates again for each client."""
    if service_name != "cognito-idp":
        return _load_service_model(self, service_name, api_version)
    key = self._loader, api_version
    if key not in _models:
        _models[key] = _load_service_model(self, service_name, api_version)
    return _models[key]


def _class_made_once(self: Any, service_name: str, service_model: Any) -> Any:
    """Return the class of cognito-idp's clients, which botocore creates again for each client."""
    if service_name != "cognito-idp":
        return _create_client_class(self, service_name, service_model)
    if service_model not in _classes:
        _classes[service_model] = _create_client_class(self, service_name, service_model)
    return _classes[service_model]


def _copy_with_names(self: Any) -> Any:
    """Copy a client's events together with the cache of their names."""
    copied = _copy(self)
    copied._alias_name_cache = self._alias_name_cache
    return copied


def make_libraries_faster() -> None:
    """Change botocore and jsonschema in this process."""
    sessions: Any = botocore.session
    sessions.create_loader = cache(create_loader)  # all sessions share the files that one has read
    _CREATOR._load_service_model = _model_loaded_once
    _CREATOR._create_client_class = _class_made_once
    _ALIASER.__copy__ = _copy_with_names
    # jsonschema builds forty grammars of IRIs when it is imported, if it can; no schema here has an IRI.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # None makes the import fail
