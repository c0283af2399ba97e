"""Single sign-on by the OpenID Connect providers of organizations."""
