"""Run uvicorn: keepalive, TCP, health, graceful stop, middleware."""
