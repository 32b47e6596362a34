"""The limit model, the release model, and the policy that turns scores into decisions."""
