"""Billing: plans, subscriptions in Stripe, usage, and the limits that follow from them."""
