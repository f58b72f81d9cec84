"""What is computed, and nothing else: profiles, reputations, features, scorers, policies, reasons."""
