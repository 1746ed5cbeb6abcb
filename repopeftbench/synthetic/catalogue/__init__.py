"""Every kind of feature that a synthetic repository can have, by key."""

from ..model import Kind
from .classes import HOLDER, RECORD, WINDOW
from .figures import CONVERSION, DECAY, SUMMARY
from .functions import CHARGE, WAVE
from .naming import CONSTANTS, ENUMERATION, ERRORS
from .services import DESK, LIFE, RANKING
from .tables import BANDS, RULES, SETTINGS
from .teams import QUOTE, ROTA
from .texts import CHECK, CODES, LINES, TIMETABLE

KINDS: dict[str, Kind] = {
    kind.key: kind
    for kind in (
        *(ERRORS, CONSTANTS, ENUMERATION, CHARGE, RECORD, HOLDER, BANDS, RULES, SETTINGS, WAVE, DECAY, CONVERSION),
        *(SUMMARY, CODES, CHECK, TIMETABLE, LINES, WINDOW, LIFE, RANKING, DESK, QUOTE, ROTA),
    )
}
