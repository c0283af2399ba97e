"""Templates, forms, CSRF tokens and the site, for server-rendered pages."""
