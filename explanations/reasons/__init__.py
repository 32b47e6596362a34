"""The principal reasons of a refusal, and whether they hold."""
