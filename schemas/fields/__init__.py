"""Types and checks of single fields: codes, money, card numbers, times and tokens."""
