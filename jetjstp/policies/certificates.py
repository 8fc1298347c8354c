"""
The names in a certificate.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

__all__ = ["namesOf"]


def namesOf(certificate: x509.Certificate) -> frozenset[str]:
    """
    All names by which its owner may be known: common names, and the alternative names that are a DNS name, an e-mail
    address or a URI, each as it is written. What cannot be read has no names.
    """
    names: set[str] = set()
    try:
        names.update(str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME))
        try:
            alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return frozenset(names)
        for kind in (x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier):
            names.update(alternatives.get_values_for_type(kind))
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        # The certificate was signed by whom we trust, but is malformed all the same.
        return frozenset()
    return frozenset(names)
