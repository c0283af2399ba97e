"""Metadata that applications discover: the server (RFC 8414) and the API (RFC 9728)."""

from typing import Any

from auth.credentials.dpop import ALGORITHMS
from auth.credentials.identify import METADATA_OF_API, api_of
from auth.oauth import assertions, confinement, id_tokens, signing_keys, userinfo
from auth.oauth.clients import GRANT_TYPES
from auth.oauth.credentials import CONFIDENTIAL, METHODS
from auth.oauth.interaction import DISPLAYS, PROMPTS, RESPONSE_MODES
from auth.policy.scope_names import OPENID_SCOPES, SCOPES
from auth.settings import AuthSettings

SERVER = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
API = METADATA_OF_API

AUTHORIZE, TOKEN = "/oauth/authorize", "/oauth/token"
REVOKE, INTROSPECT = "/oauth/revoke", "/oauth/introspect"
PUSH, DEVICE = "/oauth/par", "/oauth/device"
REGISTER = "/oauth/register"
JWKS, USERINFO, LOGOUT = "/oauth/jwks", "/oauth/userinfo", "/oauth/logout"


def of_server(settings: AuthSettings) -> dict[str, Any]:
    """Return the metadata of the authorization server and OpenID provider.

    RFC 8414, section 2; OpenID Connect Discovery, section 3; RP-Initiated Logout, section 2.1.
    """
    issuer = settings.url
    is_open = settings.registering_clients == "open"
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZE,
        "token_endpoint": issuer + TOKEN,
        "revocation_endpoint": issuer + REVOKE,
        "introspection_endpoint": issuer + INTROSPECT,
        "pushed_authorization_request_endpoint": issuer + PUSH,
        "require_pushed_authorization_requests": False,
        "device_authorization_endpoint": issuer + DEVICE,
        **({"registration_endpoint": issuer + REGISTER} if is_open else {}),
        "scopes_supported": [*SCOPES, *OPENID_SCOPES],
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": list(GRANT_TYPES),
        "token_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint_auth_methods_supported": CONFIDENTIAL,
        **{
            f"{endpoint}_endpoint_auth_signing_alg_values_supported": list(assertions.ALGORITHMS)
            for endpoint in ("token", "revocation", "introspection")
        },
        "client_id_metadata_document_supported": settings.registering_clients != "closed",
        "authorization_details_types_supported": list(confinement.TYPES),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
        "protected_resources": [api_of(settings)],
        "prompt_values_supported": list(PROMPTS),
        "display_values_supported": list(DISPLAYS),
        "userinfo_endpoint": issuer + USERINFO,
        "end_session_endpoint": issuer + LOGOUT,
        "jwks_uri": issuer + JWKS,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [signing_keys.ALGORITHM],
        "acr_values_supported": list(id_tokens.LEVELS),
        "claims_supported": list(dict.fromkeys([*id_tokens.CLAIMS, *userinfo.CLAIMS])),
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


def of_api(settings: AuthSettings) -> dict[str, Any]:
    """Return the metadata of the API, as a protected resource."""
    return {
        "resource": api_of(settings),
        "resource_name": "Requirements gateway",
        "authorization_servers": [settings.url],
        "scopes_supported": list(SCOPES),
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
        "dpop_bound_access_tokens_required": False,
    }
