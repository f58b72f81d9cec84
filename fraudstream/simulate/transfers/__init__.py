"""A simulated bank of account transfers, of this project's own design.

Households get a salary on the last working day of the month, pay rent and bills by standing order, save,
shop, pay friends, and now and then send a large sum to a stranger. Companies pay salaries and invoices. Four
crimes run through it: account take-over, scams in which the victim pays, diverted invoices, and the mule
accounts that collect the money of several victims and send it on.
"""

from fraudstream.simulate.transfers.world import TransferWorld

__all__ = ["TransferWorld"]
