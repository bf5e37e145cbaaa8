"""The tones of countries, for making and for recognising them, in the notation of `notation.py`.

Facts after ITU-T E.180 Supplement 2 ("Various tones used in national networks") and ETSI TR 101 041-2; us and ca also
Telcordia GR-506, uk also BT SIN 350, au also AS/CA S002. Where a network has more than one form in use, the others
stand beside the usual one under the same name with a dash and a word (`ring-pbx`): they are recognised, never made.

Names: dial, busy, congestion (reorder), ring (what the caller hears), waiting (call waiting), info (special
information tone, ITU-T E.180 clause 3.8).
"""

from collections.abc import Mapping

_INFO = "!950/330,!1400/330,!1800/330,0/1000"

COUNTRIES: Mapping[str, Mapping[str, str]] = {
    "us": {
        "dial": "350+440",
        "busy": "480+620/500,0/500",
        "congestion": "480+620/250,0/250",
        "ring": "440+480/2000,0/4000",
        "ring-pbx": "440+480/1000,0/3000",
        "ring-double": "440+480/500,0/500,440+480/500,0/3000",
        "waiting": "440/300,0/10000",
        "info": _INFO,
    },
    "uk": {
        "dial": "350+440",
        "busy": "400/375,0/375",
        "congestion": "400/400,0/350,400/225,0/525",
        "ring": "400+450/400,0/200,400+450/400,0/2000",
        "waiting": "400/100,0/4000",
        "info": _INFO,
    },
    "de": {
        "dial": "425",
        "busy": "425/480,0/480",
        "congestion": "425/240,0/240",
        "ring": "425/1000,0/4000",
        "waiting": "425/200,0/200,425/200,0/5000",
        "info": _INFO,
    },
    "fr": {
        "dial": "440",
        "busy": "440/500,0/500",
        "congestion": "440/250,0/250",
        "ring": "440/1500,0/3500",
        "waiting": "440/300,0/10000",
        "info": _INFO,
    },
    "cn": {
        "dial": "450",
        "busy": "450/350,0/350",
        "congestion": "450/700,0/700",
        "ring": "450/1000,0/4000",
        "waiting": "450/400,0/4000",
        "info": _INFO,
    },
    "jp": {
        "dial": "400",
        "busy": "400/500,0/500",
        "ring": "400*16/1000,0/2000",
        "waiting": "400/100,0/3000",
        "info": _INFO,
    },
    "au": {
        "dial": "413+438",
        "busy": "425/375,0/375",
        "ring": "413+438/400,0/200,413+438/400,0/2000",
        "ring-older": "400+425+450/400,0/200,400+425+450/400,0/2000",
        "waiting": "425/200,0/200,425/200,0/4400",
        "info": _INFO,
    },
    "in": {
        "dial": "400*25",
        "busy": "400/750,0/750",
        "congestion": "400/250,0/250",
        "ring": "400*25/400,0/200,400*25/400,0/2000",
        "waiting": "400/200,0/100,400/200,0/7500",
        "info": _INFO,
    },
    "br": {
        "dial": "425",
        "busy": "425/250,0/250",
        "congestion": "425/250,0/250,425/750,0/250",
        "ring": "425/1000,0/4000",
        "waiting": "425/50,0/1000",
        "info": _INFO,
    },
    "it": {
        "dial": "425/200,0/200,425/600,0/1000",
        "dial-plain": "425",
        "busy": "425/500,0/500",
        "congestion": "425/200,0/200",
        "ring": "425/1000,0/4000",
        "waiting": "425/400,0/100,425/250,0/100,425/150,0/14000",
        "info": _INFO,
    },
    "es": {
        "dial": "425",
        "busy": "425/200,0/200",
        "congestion": "425/200,0/200,425/200,0/200,425/200,0/600",
        "ring": "425/1500,0/3000",
        "waiting": "425/175,0/175,425/175,0/3500",
        "info": _INFO,
    },
    "ru": {
        "dial": "425",
        "busy": "425/400,0/400",
        "busy-short": "425/350,0/350",
        "congestion": "425/200,0/200",
        "congestion-short": "425/175,0/175",
        "ring": "425/1000,0/4000",
        "ring-short": "425/800,0/3200",
        "waiting": "425/200,0/5000",
        "info": _INFO,
    },
    "ca": {
        "dial": "350+440",
        "busy": "480+620/500,0/500",
        "congestion": "480+620/250,0/250",
        "ring": "440+480/2000,0/4000",
        "waiting": "440/300,0/10000",
        "info": _INFO,
    },
    "at": {"dial": "420", "busy": "420/400,0/400", "congestion": "420/200,0/200", "ring": "420/1000,0/5000"},
    "be": {"dial": "425", "busy": "425/500,0/500", "congestion": "425/167,0/167", "ring": "425/1000,0/3000"},
    "ch": {"dial": "425", "busy": "425/500,0/500", "congestion": "425/200,0/200", "ring": "425/1000,0/4000"},
    "cl": {"dial": "400", "busy": "400/500,0/500", "congestion": "400/200,0/200", "ring": "400/1000,0/3000"},
    "cz": {
        "dial": "425/330,0/330,425/660,0/660",
        "busy": "425/330,0/330",
        "congestion": "425/165,0/165",
        "ring": "425/1000,0/4000",
    },
    "dk": {"dial": "425", "busy": "425/500,0/500", "congestion": "425/200,0/200", "ring": "425/1000,0/4000"},
    "fi": {"dial": "425", "busy": "425/300,0/300", "congestion": "425/200,0/200", "ring": "425/1000,0/4000"},
    "gr": {
        "dial": "425/200,0/300,425/700,0/800",
        "busy": "425/300,0/300",
        "congestion": "425/200,0/200",
        "ring": "425/1000,0/4000",
    },
    "hk": {
        "dial": "350+440",
        "busy": "480+620/500,0/500",
        "congestion": "480+620/250,0/250",
        "ring": "440+480/400,0/200,440+480/400,0/3000",
    },
    "hu": {"dial": "425", "busy": "425/300,0/300", "ring": "425/1250,0/3750"},
    "ie": {"dial": "425", "busy": "425/500,0/500", "ring": "400+450/400,0/200,400+450/400,0/2000"},
    "il": {"dial": "414", "busy": "414/500,0/500", "congestion": "414/250,0/250", "ring": "414/1000,0/3000"},
    "kr": {
        "dial": "350+440",
        "busy": "480+620/500,0/500",
        "congestion": "480+620/300,0/200",
        "ring": "440+480/1000,0/2000",
    },
    "mx": {"dial": "425", "busy": "425/250,0/250", "ring": "425/1000,0/4000"},
    "my": {"dial": "425", "busy": "425/500,0/500", "ring": "425/400,0/200,425/400,0/2000"},
    "nl": {"dial": "425", "busy": "425/500,0/500", "congestion": "425/250,0/250", "ring": "425/1000,0/4000"},
    "no": {"dial": "425", "busy": "425/500,0/500", "congestion": "425/200,0/200", "ring": "425/1000,0/4000"},
    "nz": {
        "dial": "400",
        "busy": "400/500,0/500",
        "congestion": "400/250,0/250",
        "ring": "400+450/400,0/200,400+450/400,0/2000",
    },
    "ph": {
        "dial": "425",
        "busy": "480+620/500,0/500",
        "congestion": "480+620/250,0/250",
        "ring": "425+480/1000,0/4000",
    },
    "pl": {"dial": "425", "busy": "425/500,0/500", "ring": "425/1000,0/4000"},
    "pt": {"dial": "425", "busy": "425/500,0/500", "congestion": "425/200,0/200", "ring": "425/1000,0/5000"},
    "se": {"dial": "425", "busy": "425/250,0/250", "congestion": "425/250,0/750", "ring": "425/1000,0/5000"},
    "sg": {
        "dial": "425",
        "busy": "425/750,0/750",
        "congestion": "425/250,0/250",
        "ring": "425*24/400,0/200,425*24/400,0/2000",
    },
    "th": {"dial": "400*50", "busy": "400/500,0/500", "congestion": "400/300,0/300", "ring": "400/1000,0/4000"},
    "tr": {"dial": "450", "busy": "450/500,0/500", "ring": "450/2000,0/4000"},
    "tw": {
        "dial": "350+440",
        "busy": "480+620/500,0/500",
        "congestion": "480+620/250,0/250",
        "ring": "440+480/1000,0/2000",
    },
    "za": {
        "dial": "400*33",
        "busy": "400/500,0/500",
        "congestion": "400/250,0/250",
        "ring": "400*33/400,0/200,400*33/400,0/2000",
    },
}

#: The same in every country: what fax machines and modems say (ITU-T T.30 clause 4.2.1, V.25 clause 3, Bell 103).
EVERYWHERE: Mapping[str, str] = {
    "fax_cng": "1100/500,0/3000",
    "fax_ced": "2100",
    "modem": "2225",
}
