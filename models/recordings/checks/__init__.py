"""Whether recordings are sound; the rules of one session, each file with its own.

findings    broken rules, collected over many files and told in few lines
arrays      one .npy file, opened without trusting it
files       which trials have which files, and what else lies there
neurons     unit ids and coordinates
tiers       the tier of every trial
trials      the four arrays of each trial
statistics  the organisers' statistics over the train tier
session     all of these for one session
report      what was seen and found
"""
