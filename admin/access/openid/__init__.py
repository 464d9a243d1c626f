"""Signing in through an OpenID provider: discovery, authorization code with PKCE, and the checks of an ID token."""
