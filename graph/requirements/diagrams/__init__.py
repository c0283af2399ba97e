"""Diagrams: drawings of Excalidraw, diagrams of React Flow, and what their elements stand for."""
