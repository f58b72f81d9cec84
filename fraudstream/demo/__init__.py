"""`fraudstream demo`: a real Kafka, real workers and a simulated bank, watched for a minute.

run        the demo from its start to its clean end
bank       what is sent: card payments, transfers, late labels, malformed messages, repeats
sending    sends it, and tells of each record
reading    reads what the workers make of it, as a bank would
workers    the worker processes: started, watched, stopped
scrape     the workers' own figures, from their /metrics
events     what these tell, in the order in which it came to pass
tally      adds the events up into figures (pure)
screen, plain, summary   the figures for a person: live, line by line, at the end (pure)
"""
