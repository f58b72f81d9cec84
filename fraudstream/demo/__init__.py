"""`fraudstream demo`: a real Kafka and a simulated bank, and workers that learn while it is watched.

run        the demo from its start to its clean end
bank       what is sent: card payments, transfers, late labels, malformed messages, repeats
sending    sends it, and tells of each record
reading    reads what the workers make of it, as a bank would
workers    the worker processes: started, watched, stopped
environment   the settings that they get
scrape     the workers' own figures, from their /metrics
events     what these tell, in the order in which it came to pass
tally      adds the events up (pure), with `catches`: what was caught, and `lessons`: what was learnt
figures    what comes of it
screen, plain, summary   the figures for a person: live, line by line, at the end (pure)
"""
