"""Webhooks: events of an organization or project, sent to URLs of other systems.

Messages follow the Standard Webhooks specification: https://www.standardwebhooks.com
"""
