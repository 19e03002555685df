"""The competition's recordings, fetched from where the organisers publish them.

catalogue   the ten sessions, their addresses, and how a user names them
places      where the parts of a session lie until it is complete
versions    what tells one version of a file from another
answers     what a server answered
remote      one file on a server
patience    how often and how long a server is tried
partial     the part of a zip that is here, and which version it is a part of
fetch       one zip, fetched to its last byte over as many connections as it takes
members     what of a zip belongs to its session, and what must not be unpacked
unpack      a zip, unpacked into a session's folder
room        whether the disk has room
workers     several sessions at once
watcher     who is told how far a download is
bars        a bar a session, and a line for each that has ended
failures    what can go wrong with one session while the others go on
driver      one download: the only place that knows all the parts
"""
