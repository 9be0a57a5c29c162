"""What can go wrong in the world outside the code. A caller's own mistake is a ValueError or TypeError."""


class CafError(Exception):
    """Base of every error whose sentence is meant for the user: what, which, and what to do."""


class BadImage(CafError):
    """The bytes are no picture that can be used: unreadable, truncated, too large, too small, too long."""


class BadClip(CafError):
    """The bytes are no clip that can be used: unreadable, incomplete, too long, too large, without pictures."""


class NoFace(CafError):
    """The photo holds no face, or not the one that was asked for."""


class PackMissing(CafError):
    """A face pack (detector, landmarks, recogniser) is not on this machine or is incomplete."""


class WeightsMissing(CafError):
    """A model's weights are not where they should be."""


class WeightsRefused(CafError):
    """Weights are damaged, swapped, malicious or belong to another architecture; nothing of them was used."""


class DeviceMissing(CafError):
    """The asked-for device or precision is not available here."""


class DataBroken(CafError):
    """Training or evaluation data is missing, unreadable, or lacks a column."""


class RunBroken(CafError):
    """A training run folder cannot be resumed, or training diverged."""


class ArchiveBroken(CafError):
    """An archive of faces is missing, damaged, being written by another, or was handed rows it cannot take."""


class FaceppRefused(CafError):
    """The Face++ service refuses, cannot be reached, or may not be asked: no keys, no consent, no budget."""


class RecordRefused(CafError):
    """A record of how pictures were made is missing, damaged, or says what cannot be."""


class CredentialsRefused(CafError):
    """The key or the certificates that files are to be signed with are missing, unreadable, or do not fit together."""


class TableMissing(CafError):
    """There is no threshold table for this recogniser at this rate; thresholds of another are never taken."""


class TableRefused(CafError):
    """A threshold table is damaged, of another version, or says what cannot be; nothing of it was used."""


class ScoresBroken(CafError):
    """Recorded scores, or the faces and ages that scores are to be made of, cannot be used."""


class FetchRefused(CafError):
    """An address may not be fetched, or its server refuses, fails, or answers what was not asked for."""


class SourceBroken(CafError):
    """A source of pictures is missing, unreadable, or says what cannot be."""


class CurationBroken(CafError):
    """A curation run cannot go on: its recipe or its working folder is missing, damaged, or of another recipe."""
