"""Policy what-if: what both models would decide under another policy, without fitting them anew."""
