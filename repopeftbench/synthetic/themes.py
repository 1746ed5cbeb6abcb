"""The vocabularies that synthetic repositories draw their names from. Words only: no code and no numbers."""

from dataclasses import dataclass

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """The words of one subject matter; every word but `places` and `summary` is a valid identifier in lower case.

    `measures` pairs a quantity with its unit; `categories` pairs the name of an enumeration with its members.
    """

    key: str
    summary: str
    stems: Words
    subjects: Words
    measures: tuple[tuple[str, str], ...]
    costs: Words
    categories: tuple[tuple[str, Words], ...]
    places: Words
    holders: Words
    states: Words
    labels: Words


def _words(text: str) -> Words:
    return tuple(text.split())


def _measures(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, unit) for name, _, unit in (word.partition(":") for word in text.split()))


def _categories(text: str) -> tuple[tuple[str, Words], ...]:
    return tuple((words[0], words[1:]) for words in map(_words, text.split("/")))


def _theme(key: str, summary: str, **text: str) -> Theme:
    return Theme(
        key=key,
        summary=summary,
        stems=_words(text["stems"]),
        subjects=_words(text["subjects"]),
        measures=_measures(text["measures"]),
        costs=_words(text["costs"]),
        categories=_categories(text["categories"]),
        places=_words(text["places"]),
        holders=_words(text["holders"]),
        states=_words(text["states"]),
        labels=_words(text["labels"]),
    )


#: First halves of package names; the second half is a stem of the theme.
NAME_STARTS = _words("nord amber river quick moss pine blue old star open small iron west reed fern dusk")

THEMES = (
    _theme(
        "parcels",
        "Tariffs and handling rules of a small parcel carrier.",
        stems="parcel post freight tariff cargo",
        subjects="parcel letter crate pallet packet",
        measures="weight:kg girth:cm distance:km value:eur",
        costs="postage surcharge toll premium",
        categories="Tier ECONOMY STANDARD EXPRESS SAMEDAY FREIGHT BULK/"
        "Zone INLAND COASTAL ISLAND ALPINE OVERSEAS BORDER/Handling PLAIN FRAGILE UPRIGHT CHILLED HAZARDOUS OVERSIZE",
        places="Harrow Linden Osterby Kråkvik Marlow Tessin Vauban Ødeby Corran Selby",
        holders="depot van locker hub",
        states="booked labelled loaded moving delivered returned",
        labels="books glass tools seeds lamps paper boots cables",
    ),
    _theme(
        "brewery",
        "Batches, gravities and cellar work of a micro brewery.",
        stems="brew malt hop cask wort",
        subjects="batch keg brew yeast mash",
        measures="volume:litres gravity:points bitterness:ibu colour:ebc",
        costs="duty deposit markup refund",
        categories="Style LAGER STOUT PORTER SAISON PILSNER DUBBEL/Malt PALE MUNICH CRYSTAL SMOKED ROASTED WHEAT"
        "/Vessel KETTLE FERMENTER BRIGHT CASK BOTTLE TANKARD",
        places="Northgate Plzeň Hallertau Burton Žatec Millpond Oldbarn Weir Kelby Ashcroft",
        holders="cellar tun coldroom rack",
        states="milled mashed boiled pitched conditioned packaged",
        labels="amber tripel heather oat honey rye juniper plum",
    ),
    _theme(
        "tides",
        "Tide tables and mooring rules for a group of harbours.",
        stems="tide harbour mooring quay swell",
        subjects="tide berth buoy channel mooring",
        measures="height:cm depth:dm current:knots draught:cm",
        costs="dues berthage pilotage towage",
        categories="Phase SPRING NEAP SLACK FLOOD EBB KING/Signal GREEN AMBER RED BLACK WHITE STRIPED"
        "/Craft DINGHY SLOOP KETCH TRAWLER FERRY BARGE",
        places="Skerry Portnoy Brèche Sandvík Gullholm Marsh Cullen Ness Tarbert Almouth",
        holders="harbour marina basin lock",
        states="requested assigned moored fuelled cleared departed",
        labels="heron plover gannet tern curlew dunlin petrel avocet",
    ),
    _theme(
        "library",
        "Loans, fines and shelf marks of a lending library.",
        stems="shelf loan folio reader stack",
        subjects="loan book reader atlas journal",
        measures="age:days pages:leaves renewals:loans delay:days",
        costs="fine bond reminder_fee transfer_fee",
        categories="Membership CHILD ADULT STAFF SENIOR GUEST HONORARY/Shelf OPEN CLOSED REFERENCE RARE REMOTE TRANSIT"
        "/Format PRINT AUDIO MICROFILM MAP SCORE BRAILLE",
        places="Aldgate Brühl Cavendish Dunmore Étretat Foxley Garnet Hexham Ilford Kirkby",
        holders="shelf trolley vault branch",
        states="requested reserved lent overdue inspected shelved",
        labels="novels poems maps essays plays letters diaries fables",
    ),
    _theme(
        "radio",
        "Channel plans and transmitter settings of a community radio.",
        stems="radio channel signal carrier mast",
        subjects="channel carrier relay beacon jingle",
        measures="power:watts bandwidth:khz reach:km gain:db",
        costs="licence_fee airtime royalty rental",
        categories="Band LONG MEDIUM SHORT VHF UHF SHF/Mode VOICE DATA MORSE TELETYPE STEREO MONO"
        "/Slot DAWN MORNING NOON EVENING NIGHT VIGIL",
        places="Hilltop Römö Callan Drum Estrada Fjell Gorse Hawk Inver Juniper",
        holders="mast studio rack mixer",
        states="planned licensed tuned live muted archived",
        labels="echo delta quebec sierra tango uniform victor zulu",
    ),
    _theme(
        "seeds",
        "Accessions and germination records of a seed bank.",
        stems="seed germ kernel grain sprout",
        subjects="accession seed sample tuber spore",
        measures="moisture:permille mass:grams viability:percent age:months",
        costs="storage_fee assay courier quarantine_fee",
        categories="Stage DORMANT SOAKED SPROUTED SEEDLING GROWN FAILED/"
        "Climate ARID BOREAL TROPICAL ALPINE COASTAL STEPPE/Hazard NONE RUST SMUT BLIGHT MILDEW WEEVIL",
        places="Svalgård Kew Bari Nuba Teruel Ötztal Pavlo Rutland Sorvag Tomar",
        holders="vault drawer freezer silo",
        states="received cleaned dried sealed tested renewed",
        labels="barley teff millet lentil vetch spelt sorghum flax",
    ),
    _theme(
        "trams",
        "Lines, fares and depots of a tram network.",
        stems="tram rail line fare track",
        subjects="tram ticket line stop wagon",
        measures="distance:stops load:riders speed:kmh headway:minutes",
        costs="fare penalty deposit transfer",
        categories="Fare SINGLE DAY WEEK CHILD GROUP NIGHT/Motion HALTED CREEPING CRUISING BRAKING TOWED SHUNTED"
        "/Alert CLEAR DELAY DIVERSION CLOSURE ICE PARADE",
        places="Altmarkt Bellevue Zóka Dock Elmstrasse Fährhaus Grove Holm Ingrid Kiosk",
        holders="depot siding loop yard",
        states="parked checked dispatched inservice diverted retired",
        labels="crimson teal ochre violet olive silver indigo coral",
    ),
    _theme(
        "observatory",
        "Observing runs, exposures and filters of an observatory.",
        stems="sky comet dome lens orbit",
        subjects="exposure target plate flat spectrum",
        measures="magnitude:centimag altitude:degrees seeing:mas flux:counts",
        costs="allocation overhead penalty charge",
        categories="Filter CLEAR BLUE VISUAL RED INFRARED NARROW/Quality POOR FAIR GOOD SUPERB VOID SUSPECT"
        "/Instrument CAMERA SPECTROGRAPH POLARIMETER GUIDER BOLOMETER ETALON",
        places="Cerro Paraná Mauna Teide Kitt Siding Pico Ångdal Sutter Hanle",
        holders="dome archive queue mount",
        states="proposed accepted queued observed reduced published",
        labels="vega altair deneb rigel mira algol castor spica",
    ),
    _theme(
        "apiary",
        "Hives, honey yields and inspections of an apiary.",
        stems="hive honey comb nectar drone",
        subjects="hive colony frame swarm queen",
        measures="harvest:kg strength:frames humidity:percent brood:cells",
        costs="levy subsidy stipend commission",
        categories="Temper CALM LIVELY NERVOUS FIERCE SLEEPY UNKNOWN/Forage CLOVER LINDEN ACACIA HEATHER RAPE CHESTNUT"
        "/Mite NONE TRACE LIGHT MODERATE HEAVY CRITICAL",
        places="Orchard Meadow Größing Lowfield Thyme Brae Hollow Ridge Copse Lièvre",
        holders="apiary shed trailer stand",
        states="caught housed settled inspected harvested wintered",
        labels="maple willow aster sage mint borage thistle phacelia",
    ),
    _theme(
        "kiln",
        "Firings, glazes and cones of a pottery workshop.",
        stems="kiln glaze clay ember slip",
        subjects="firing bowl glaze tile vase",
        measures="heat:degrees shrinkage:permille thickness:mm soak:minutes",
        costs="firing_fee material wage discard",
        categories="Atmosphere OXIDATION REDUCTION NEUTRAL SALT SODA WOOD/Finish MATT SATIN GLOSS CRACKLE RAW LUSTRE"
        "/Defect NONE CRAWL PINHOLE CRACK WARP BLOAT",
        places="Arita Delft Faenza Høganäs Jingde Kutani Leach Mino Nove Raku",
        holders="kiln shelf cart bench",
        states="thrown trimmed bisqued glazed fired sold",
        labels="celadon tenmoku shino cobalt copper ash chun rutile",
    ),
)
