"""The decision on an applicant as one model: what it carries, how it is served, how files are scored with it."""
