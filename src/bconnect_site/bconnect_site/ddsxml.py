"""Governance and permissions of DDS security (OMG DDS-Security 1.1, 9.4.1), as XML. Pure."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from datetime import datetime

from bconnect_site.access import Access, dds_names

_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMAS = "http://www.omg.org/spec/DDS-SECURITY/20170901"
# Nobody joins without a certificate; who listens on the wire learns nothing but that it is busy.
_DOMAIN = {
    "allow_unauthenticated_participants": "false",
    "enable_join_access_control": "true",
    "discovery_protection_kind": "ENCRYPT",
    "liveliness_protection_kind": "ENCRYPT",
    "rtps_protection_kind": "SIGN",
}
_TOPIC = {
    "topic_expression": "*",
    "enable_discovery_protection": "true",
    "enable_liveliness_protection": "true",
    "enable_read_access_control": "true",
    "enable_write_access_control": "true",
    "metadata_protection_kind": "ENCRYPT",
    "data_protection_kind": "ENCRYPT",
}


def governance(domain: int) -> bytes:
    """How the whole domain is protected."""
    root = _root("governance")
    rule = _under(_under(root, "domain_access_rules"), "domain_rule")
    _under(_under(rule, "domains"), "id", str(domain))
    _all(rule, _DOMAIN)
    _all(_under(_under(rule, "topic_access_rules"), "topic_rule"), _TOPIC)
    return _text(root)


def permissions(enclave: str, access: Access, domain: int, start: datetime, end: datetime) -> bytes:
    """What one enclave may do; all else is denied. ``start`` and ``end`` are UTC."""
    root = _root("permissions")
    grant = _under(_under(root, "permissions"), "grant")
    grant.set("name", enclave)
    _under(grant, "subject_name", f"CN={enclave}")
    validity = _under(grant, "validity")
    _under(validity, "not_before", f"{start:%Y-%m-%dT%H:%M:%S}")
    _under(validity, "not_after", f"{end:%Y-%m-%dT%H:%M:%S}")
    allow = _under(grant, "allow_rule")
    _under(_under(allow, "domains"), "id", str(domain))
    for way, topics in dds_names(access).items():
        listed = _under(_under(allow, way), "topics")
        for topic in topics:
            _under(listed, "topic", topic)
    _under(grant, "default", "DENY")
    return _text(root)


def _root(schema: str) -> ElementTree.Element:
    ElementTree.register_namespace("xsi", _INSTANCE)
    where = f"{_SCHEMAS}/omg_shared_ca_{schema}.xsd"
    return ElementTree.Element("dds", {f"{{{_INSTANCE}}}noNamespaceSchemaLocation": where})


def _under(parent: ElementTree.Element, name: str, text: str | None = None) -> ElementTree.Element:
    made = ElementTree.SubElement(parent, name)
    made.text = text
    return made


def _all(parent: ElementTree.Element, values: Mapping[str, str]) -> None:
    for name, text in values.items():
        _under(parent, name, text)


def _text(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)) + b"\n"
