"""The exceptions of `repopeftbench`: every failure a caller may want to tell apart, and no other.

RepoBenchError                  anything expected to go wrong; the message is meant for the user
├── SourceError                 one repository could not be opened, cloned or updated
├── RepositoryListError         the list of repositories itself is unusable
├── GitObjectError              an object that the history names is missing or unreadable
├── DatasetError                a dataset folder is absent, incomplete or of another schema
├── ConfigError                 an option has a value that cannot be used
└── HubError                    the Hub refuses, cannot be reached, or holds something else

A message says what is wrong, the value, where, and what to do. The command line prints it without a traceback;
an exception that is not in this tree is a bug and keeps its traceback.
"""


class RepoBenchError(Exception):
    """An expected failure whose message is written for the user."""


class SourceError(RepoBenchError):
    """One repository could not be opened, cloned or updated."""


class RepositoryListError(RepoBenchError):
    """The list of repositories cannot be read or names nothing."""


class GitObjectError(RepoBenchError):
    """A git object that the history names is missing or cannot be read."""


class DatasetError(RepoBenchError):
    """A dataset folder is absent, incomplete, or was written with another schema."""


class ConfigError(RepoBenchError):
    """An option has a value that cannot be used."""


class HubError(RepoBenchError):
    """The Hub refuses, cannot be reached, or holds something that must not be overwritten."""
