"""What only a simulator knows: true causes and contributions, and how near the explanations come."""
